#include "common/units.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <ctime>
#include <optional>
#include <utility>

#include "common/nanoseconds.h"

namespace assay {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

constexpr std::array<Unit, 7> kTime{
    {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"min", 60e9}, {"h", 3600e9}}};
constexpr std::array<Unit, 7> kSize{
    {{"B", 1}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"KiB", 1024.0}, {"MiB", 1048576.0}, {"GiB", 1073741824.0}}};

// The number at the front and what follows it, blanks between them dropped.
std::optional<std::pair<double, std::string_view>> SplitNumber(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (error != std::errc() || !std::isfinite(value)) return std::nullopt;
  std::string_view rest = text.substr(static_cast<size_t>(end - text.data()));
  while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
  return std::pair{value, rest};
}

template <size_t N>
std::optional<double> Scaled(std::string_view text, const std::array<Unit, N>& units) {
  const auto split = SplitNumber(text);
  if (!split || split->first < 0) return std::nullopt;
  if (split->second.empty() && split->first == 0) return 0;
  for (const Unit& unit : units) {
    const double scaled = split->first * unit.factor;
    if (unit.name == split->second && scaled < 9.2e18) return scaled;
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<int64_t> ParseDurationNs(std::string_view text) {
  if (const auto ns = Scaled(text, kTime)) return static_cast<int64_t>(std::llround(*ns));
  return absl::InvalidArgumentError(
      fmt::format("'{}' is not a duration; write a number with a unit, such as 250us, 10ms, 30s, 2m or 1h", text));
}

absl::StatusOr<uint64_t> ParseBytes(std::string_view text) {
  if (const auto bytes = Scaled(text, kSize)) return static_cast<uint64_t>(*bytes);
  return absl::InvalidArgumentError(
      fmt::format("'{}' is not a size; write a number with a unit, such as 512B, 4KiB, 1MiB or 2GiB", text));
}

absl::StatusOr<double> ParseFraction(std::string_view text) {
  if (const auto split = SplitNumber(text)) {
    const double value = split->second == "%" ? split->first / 100 : split->first;
    if ((split->second == "%" || split->second.empty()) && value >= 0 && value <= 1) return value;
  }
  return absl::InvalidArgumentError(
      fmt::format("'{}' is not a fraction; write a percentage such as 1%, or a number from 0 to 1", text));
}

absl::StatusOr<double> ParseRate(std::string_view text) {
  const auto split = SplitNumber(text);
  if (split && split->first >= 0 && split->second.starts_with('/')) {
    for (const Unit& unit : kTime) {
      if (unit.name == split->second.substr(1)) return split->first * 1e9 / unit.factor;
    }
  }
  return absl::InvalidArgumentError(
      fmt::format("'{}' is not a rate; write a number and a time, such as 500/s, 30/m or 2/h", text));
}

std::string FormatDuration(int64_t ns) {
  const double value = static_cast<double>(ns);
  // What three digits round to a thousand is one of the next unit.
  if (std::abs(value) < 1e3) return fmt::format("{} ns", ns);
  if (std::abs(value) < 999.5e3) return fmt::format("{:.3g} us", value / 1e3);
  if (std::abs(value) < 999.5e6) return fmt::format("{:.3g} ms", value / 1e6);
  if (std::abs(value) < 60e9) return fmt::format("{:.3g} s", value / 1e9);
  const int64_t seconds = ns / 1'000'000'000;
  if (seconds < 3600) return fmt::format("{} min {} s", seconds / 60, seconds % 60);
  return fmt::format("{} h {} min", seconds / 3600, seconds / 60 % 60);
}

std::string FormatCount(double value) {
  if (!std::isfinite(value)) return "-";
  std::string digits = fmt::format("{:.0f}", value);
  const size_t first = digits.front() == '-' ? 1 : 0;
  for (size_t at = digits.size(); at > first + 3; at -= 3) digits.insert(at - 3, 1, ',');
  return digits;
}

std::string FormatBytes(uint64_t bytes) {
  const double value = static_cast<double>(bytes);
  if (bytes < 1024) return fmt::format("{} B", bytes);
  if (bytes < 1048576) return fmt::format("{:.1f} KiB", value / 1024);
  if (bytes < 1073741824) return fmt::format("{:.1f} MiB", value / 1048576);
  return fmt::format("{:.2f} GiB", value / 1073741824);
}

std::string UtcText(int64_t unix_ns, char separator) {
  int64_t seconds = unix_ns / kSecond;
  int64_t rest = unix_ns % kSecond;
  if (rest < 0) {
    rest += kSecond;
    --seconds;
  }
  const std::tm utc = fmt::gmtime(static_cast<std::time_t>(seconds));
  return fmt::format("{:%Y-%m-%d}{}{:%H:%M:%S}.{:06}Z", utc, separator, utc, rest / 1000);
}

std::string CountText(uint64_t n) { return FormatCount(static_cast<double>(n)); }

std::string Counted(uint64_t n, std::string_view noun) {
  return fmt::format("{} {}{}", CountText(n), noun, n == 1 ? "" : "s");
}

}  // namespace assay
