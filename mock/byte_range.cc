#include "mock/byte_range.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace assay {
namespace {

std::optional<uint64_t> Number(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

ByteRange ByteRange::Parse(std::string_view header, uint64_t size) {
  const ByteRange whole{.kind = Kind::kWhole, .first_byte = 0, .length = size};
  const ByteRange unsatisfiable{.kind = Kind::kUnsatisfiable};
  constexpr std::string_view kUnit = "bytes=";
  if (!header.starts_with(kUnit)) return whole;
  header.remove_prefix(kUnit.size());
  if (header.find(',') != std::string_view::npos) return unsatisfiable;
  const size_t dash = header.find('-');
  if (dash == std::string_view::npos) return whole;
  const auto first = Number(header.substr(0, dash));
  const auto last = Number(header.substr(dash + 1));
  if (dash == 0) {
    if (!last) return whole;
    const uint64_t length = std::min(*last, size);
    if (length == 0) return unsatisfiable;
    return {.kind = Kind::kPart, .first_byte = size - length, .length = length};
  }
  const bool open = dash + 1 == header.size();
  if (!first || (!last && !open) || (last && *last < *first)) return whole;
  if (*first >= size) return unsatisfiable;
  const uint64_t end = open ? size : std::min(*last, size - 1) + 1;
  return {.kind = Kind::kPart, .first_byte = *first, .length = end - *first};
}

}  // namespace assay
