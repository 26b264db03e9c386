#include "common/wall_instant.h"

#include <absl/strings/numbers.h>
#include <absl/time/time.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>

#include "common/utf8.h"

namespace assay {
namespace {

constexpr size_t kMostShown = 60;
constexpr int64_t kSecond = 1'000'000'000;

// Of a text, by the digits behind its point; up to nanoseconds.
int64_t ResolutionNs(const std::string& text, int64_t unit_ns) {
  const size_t point = text.find('.');
  if (point == std::string::npos) return unit_ns;
  for (size_t at = point + 1; at < text.size() && std::isdigit(static_cast<unsigned char>(text[at])) != 0; ++at)
    unit_ns /= 10;
  return std::max<int64_t>(unit_ns, 1);
}

// A count since 1970 is of the unit in which it lies between 1973 and 2286.
absl::StatusOr<WallInstant> FromNumber(const std::string& text) {
  constexpr std::array<int64_t, 4> kUnits{kSecond, 1'000'000, 1'000, 1};
  double value = 0;
  if (!absl::SimpleAtod(text, &value) || !std::isfinite(value)) return absl::InvalidArgumentError("no number");
  for (const int64_t unit_ns : kUnits) {
    const double seconds = value * static_cast<double>(unit_ns) / 1e9;
    if (seconds < 1e8 || seconds >= 1e10) continue;
    const int64_t resolution_ns = ResolutionNs(text, unit_ns);
    // Whole and fraction apart: a double has 53 bits, nanoseconds since 1970 need 61.
    int64_t whole = 0;
    const size_t point = std::min(text.find('.'), text.size());
    if (!absl::SimpleAtoi(text.substr(0, point), &whole)) {
      return WallInstant{static_cast<int64_t>(value * static_cast<double>(unit_ns)), std::max<int64_t>(unit_ns, 1'000)};
    }
    double fraction = 0;
    if (point < text.size() && !absl::SimpleAtod("0" + text.substr(point), &fraction))
      return absl::InvalidArgumentError("no number");
    return WallInstant{whole * unit_ns + std::llround(fraction * static_cast<double>(unit_ns)), resolution_ns};
  }
  return absl::InvalidArgumentError("no instant");
}

}  // namespace

absl::StatusOr<WallInstant> WallInstant::Parse(std::string text) {
  constexpr size_t kDateLength = 10;
  if (absl::StatusOr<WallInstant> number = FromNumber(text); number.ok()) return number;
  std::string iso = text;
  if (iso.size() > kDateLength && iso[kDateLength] == ' ') iso[kDateLength] = 'T';
  absl::Time time;
  std::string ignored;
  if (absl::ParseTime(absl::RFC3339_full, iso, &time, &ignored))
    return WallInstant{absl::ToUnixNanos(time), ResolutionNs(iso, kSecond)};
  const bool zoneless = absl::ParseTime("%Y-%m-%d%ET%H:%M:%E*S", iso, &time, &ignored);
  return absl::InvalidArgumentError(
      fmt::format("'{}' {}", PlainText(text, kMostShown),
                  zoneless ? "has no time zone: have the target write one, or give it one in the query"
                           : "is no instant: ISO 8601 with a zone, or a number since 1970"));
}

}  // namespace assay
