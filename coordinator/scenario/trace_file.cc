#include "coordinator/scenario/trace_file.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <filesystem>
#include <memory>
#include <optional>

#include "common/units.h"
#include "coordinator/scenario/scalar_value.h"

namespace assay {
namespace {

constexpr double kMaxInstantS = 365.0 * 86'400;
constexpr const char* kBlanks = " \t\r";

// Seconds as programs write them ("0.5", "1e-05"), or a number with a unit.
std::optional<int64_t> InstantNs(std::string_view text) {
  double seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error == std::errc() && end == text.data() + text.size()) {
    if (!std::isfinite(seconds) || std::abs(seconds) > 9e9) return std::nullopt;
    return std::llround(seconds * 1e9);
  }
  const absl::StatusOr<int64_t> ns = ParseDurationNs(text);
  return ns.ok() ? std::optional(*ns) : std::nullopt;
}

struct Instant {
  std::string text;
  int64_t at_ns = 0;
  uint32_t line = 0;
};

absl::Status CheckInstant(const YamlPlace& place, const std::string& text, std::optional<int64_t> at_ns,
                          const Instant& last) {
  if (text.front() == '-')
    return ErrorAt(place, fmt::format("{} lies before the start", Quoted(text)), "instants count from 0, the start");
  if (!at_ns) {
    return ErrorAt(
        place, fmt::format("{} is not an instant", Quoted(text)),
        "write one number per line, seconds since the start such as 0.5 or with a unit such as 500ms; before "
        "a heading write #");
  }
  if (static_cast<double>(*at_ns) > kMaxInstantS * 1e9) {
    return ErrorAt(place, fmt::format("{} is more than a year after the start", Quoted(text)),
                   "instants count from the start: subtract the first one from all");
  }
  if (*at_ns < last.at_ns) {
    return ErrorAt(place,
                   fmt::format("the trace runs backwards: {} comes after {} in line {}", Quoted(text),
                               Quoted(last.text), last.line + 1),
                   "sort the file by its instants");
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::OpenLoop::Trace> ParseTrace(const std::shared_ptr<const YamlSource>& source) {
  v1::OpenLoop::Trace trace;
  Instant last;
  size_t instants = 0;
  std::string_view rest = source->text;
  for (uint32_t line = 0; !rest.empty(); ++line) {
    const size_t length = std::min(rest.find('\n'), rest.size());
    std::string_view written = rest.substr(0, length);
    rest.remove_prefix(std::min(length + 1, rest.size()));
    written = written.substr(0, written.find('#'));
    const size_t begin = written.find_first_not_of(kBlanks);
    if (begin == std::string_view::npos) continue;
    const std::string text(written.substr(begin, written.find_last_not_of(kBlanks) + 1 - begin));
    const std::optional<int64_t> at_ns = InstantNs(text);
    const YamlPlace place{source, line, static_cast<uint32_t>(begin)};
    if (absl::Status status = CheckInstant(place, text, at_ns, last); !status.ok()) return status;
    if (++instants <= kMaxInstants) trace.add_gap_ns(*at_ns - last.at_ns);
    last = {text, *at_ns, line};
  }
  if (instants == 0)
    return ErrorAt({source}, "the trace has no instants", "write one per line, seconds since the start");
  if (instants > kMaxInstants) {
    return ErrorAt({source, last.line},
                   fmt::format("the trace has {} instants, the limit is {}", FormatCount(static_cast<double>(instants)),
                               FormatCount(static_cast<double>(kMaxInstants))),
                   "cut it into several scenarios");
  }
  return trace;
}

}  // namespace

absl::StatusOr<v1::OpenLoop::Trace> TraceFiles::Get(const YamlNode& node) {
  const std::string name = TextValue(node);
  const std::string path = (std::filesystem::path(scenario_file_).parent_path() / name).string();
  if (const auto found = traces_.find(path); found != traces_.end()) return found->second;
  absl::StatusOr<std::string> content = read_ ? read_(path) : absl::UnimplementedError("files are not read here");
  if (!content.ok()) {
    return NodeError(node,
                     fmt::format("load.open.trace: {}: {}", Quoted(path), std::string(content.status().message())),
                     "the path of a trace is relative to the scenario's file");
  }
  auto source = std::make_shared<YamlSource>();
  source->name = path;
  source->text = *std::move(content);
  absl::StatusOr<v1::OpenLoop::Trace> trace = ParseTrace(source);
  if (trace.ok()) traces_.emplace(path, *trace);
  return trace;
}

}  // namespace assay
