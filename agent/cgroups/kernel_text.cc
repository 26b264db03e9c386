#include "agent/cgroups/kernel_text.h"

#include <algorithm>
#include <charconv>
#include <limits>

namespace assay {
namespace {

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

}  // namespace

std::optional<std::string_view> TakeLine(std::string_view& text) {
  const size_t end = text.find('\n');
  if (end == std::string_view::npos) {
    text = {};
    return std::nullopt;
  }
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

std::string_view TakeField(std::string_view& line) {
  // By hand: find_first_of calls memchr for every character, and fields are most of what parsing costs.
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  size_t begin = 0;
  while (begin < line.size() && blank(line[begin])) ++begin;
  size_t end = begin;
  while (end < line.size() && !blank(line[end])) ++end;
  const std::string_view field = line.substr(begin, end - begin);
  line.remove_prefix(end);
  return field;
}

std::optional<int64_t> ParseCount(std::string_view field) {
  if (field == "max") return kMax;
  uint64_t count = 0;
  const char* end = field.data() + field.size();
  const auto [stop, error] = std::from_chars(field.data(), end, count);
  if (error != std::errc() || stop != end) return std::nullopt;
  return static_cast<int64_t>(std::min<uint64_t>(count, kMax));
}

int64_t SaturatingSum(int64_t a, int64_t b) {
  int64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? kMax : sum;
}

int64_t SaturatingProduct(int64_t a, int64_t b) {
  int64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? kMax : product;
}

}  // namespace assay
