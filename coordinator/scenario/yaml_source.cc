#include "coordinator/scenario/yaml_source.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/utf8.h"

namespace assay {
namespace {

constexpr size_t kMaxShown = 60;  // of a value in a message
constexpr size_t kMaxLine = 110;  // of an offending line

bool Continues(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

size_t Characters(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return !Continues(c); }));
}

std::string Harmless(std::string_view text) {
  std::string out;
  for (const char c : text) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  return out;
}

std::string_view LineOf(std::string_view text, uint32_t line) {
  for (uint32_t i = 0; i < line; ++i) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  text = text.substr(0, text.find('\n'));
  if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
  return text;
}

// The line and a caret below it; a long line is cut around the caret, never inside a character.
std::string Excerpt(std::string_view line, size_t column) {
  column = std::min(column, line.size());
  size_t from = column > kMaxLine / 2 && line.size() > kMaxLine ? column - kMaxLine / 2 : 0;
  while (from > 0 && Continues(line[from])) --from;
  size_t to = std::min(line.size(), from + kMaxLine);
  while (to < line.size() && Continues(line[to])) --to;
  const std::string indent(Characters(line.substr(from, column - from)), ' ');
  return fmt::format("  {}\n  {}^", Harmless(line.substr(from, to - from)), indent);
}

}  // namespace

absl::Status ErrorAt(const YamlPlace& place, std::string_view what, std::string_view mend) {
  const std::string_view line = LineOf(place.source->text, place.line);
  const std::string where =
      place.source->from_set ? place.source->name
                             : fmt::format("{}:{}:{}", place.source->name, place.line + 1,
                                           Characters(line.substr(0, std::min<size_t>(place.column, line.size()))) + 1);
  std::string text = fmt::format("{}: {}\n{}", where, what, Excerpt(line, place.column));
  if (!mend.empty()) text.append("\n").append(mend);
  return absl::InvalidArgumentError(text);
}

absl::Status CheckYamlText(const std::shared_ptr<const YamlSource>& source) {
  const std::string_view text = source->text;
  YamlPlace place{source};
  size_t line_begin = 0;
  for (size_t at = 0; at < text.size();) {
    place.column = static_cast<uint32_t>(at - line_begin);
    const size_t length = Utf8Length(text.substr(at));
    const auto c = static_cast<unsigned char>(text[at]);
    if (length == 0) {
      return ErrorAt(place, fmt::format("the byte 0x{:02x} is not UTF-8", c), "save the file as UTF-8");
    }
    if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f) {
      return ErrorAt(place, fmt::format("the control character 0x{:02x} cannot stand in YAML", c),
                     "remove it, or write it as an escape in double quotes");
    }
    at += length;
    if (c == '\n') {
      ++place.line;
      line_begin = at;
    }
  }
  return absl::OkStatus();
}

std::string Quoted(std::string_view text) {
  std::string shown = Harmless(text);
  if (shown.size() > kMaxShown) {
    size_t keep = kMaxShown;
    while (keep > 0 && Continues(shown[keep])) --keep;
    shown = shown.substr(0, keep) + "...";
  }
  return fmt::format("'{}'", shown);
}

}  // namespace assay
