#include "common/wall_instant.h"

#include <absl/time/civil_time.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "common/nanoseconds.h"
#include "common/utf8.h"

namespace assay {
namespace {
constexpr int64_t kEarliestUnixS = 100'000'000;
constexpr int64_t kLatestUnixS = 10'000'000'000;
constexpr size_t kMostInstantShown = 60;
constexpr std::array<int64_t, 10> kPowers{1,       10,        100,        1'000,       10'000,
                                          100'000, 1'000'000, 10'000'000, 100'000'000, 1'000'000'000};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Exactly `count` digits at the front, which are taken off.
bool TakeNumber(std::string_view& text, size_t count, int& value) {
  if (text.size() < count || !std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(count), IsDigit))
    return false;
  std::from_chars(text.data(), text.data() + count, value);
  text.remove_prefix(count);
  return true;
}

bool TakeOne(std::string_view& text, std::string_view any) {
  if (text.empty() || any.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

struct Fraction {
  int64_t billionths = 0;
  size_t digits = 0;  // at most 9 count
};

// Behind the point.
Fraction TakeFraction(std::string_view& text) {
  Fraction fraction;
  while (!text.empty() && IsDigit(text.front())) {
    if (fraction.digits < 9) {
      fraction.billionths = fraction.billionths * 10 + (text.front() - '0');
      ++fraction.digits;
    }
    text.remove_prefix(1);
  }
  fraction.billionths *= kPowers[9 - fraction.digits];
  return fraction;
}

// "Z", "UTC", "+00", "+05:30", "-0800"; nothing left behind it. Unset: it has none.
bool TakeOffset(std::string_view text, std::optional<int64_t>& offset_s) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  if (text.empty()) return true;
  if (text == "Z" || text == "z" || text == "UTC" || text == "GMT") {
    offset_s = 0;
    return true;
  }
  const bool west = text.front() == '-';
  int hours = 0;
  int minutes = 0;
  int seconds = 0;
  if (!TakeOne(text, "+-") || !TakeNumber(text, 2, hours)) return false;
  if (!text.empty()) {
    TakeOne(text, ":");
    if (!TakeNumber(text, 2, minutes)) return false;
  }
  if (!text.empty() && (!TakeOne(text, ":") || !TakeNumber(text, 2, seconds))) return false;
  if (!text.empty() || hours > 15 || minutes > 59 || seconds > 59) return false;
  offset_s = (west ? -1 : 1) * (int64_t{hours} * 3600 + minutes * 60 + seconds);
  return true;
}

// A count since 1970 is of the unit in which it lies between 1973 and 2286 (as far as 64 bits reach).
std::optional<WallInstant> ReadNumber(std::string_view text) {
  int64_t whole = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), whole);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  int64_t unit_ns = kSecond;
  while (unit_ns > 1 && whole / (kSecond / unit_ns) >= kLatestUnixS) unit_ns /= 1'000;
  const int64_t unix_s = whole / (kSecond / unit_ns);
  if (unix_s < kEarliestUnixS || unix_s >= kLatestUnixS) return std::nullopt;
  Fraction fraction;
  if (TakeOne(text, ".")) fraction = TakeFraction(text);
  int64_t unix_ns = 0;
  if (!text.empty() || __builtin_mul_overflow(whole, unit_ns, &unix_ns)) return std::nullopt;
  unix_ns += fraction.billionths / (kSecond / unit_ns);
  return WallInstant{unix_ns, std::max<int64_t>(1, unit_ns / kPowers[fraction.digits])};
}

int64_t InZone(const absl::CivilSecond& civil, const absl::TimeZone& zone, int64_t near_s) {
  const absl::TimeZone::TimeInfo info = zone.At(civil);
  const int64_t before = absl::ToUnixSeconds(info.pre);
  const int64_t after = absl::ToUnixSeconds(info.post);
  return info.kind == absl::TimeZone::TimeInfo::REPEATED && std::abs(after - near_s) < std::abs(before - near_s)
             ? after
             : before;
}

absl::Status NoInstant(std::string_view text) {
  return absl::InvalidArgumentError(
      fmt::format("'{}' is no instant: neither ISO 8601 nor a number since 1970", PlainText(text, kMostInstantShown)));
}

}  // namespace

absl::StatusOr<std::optional<absl::TimeZone>> ReadZone(const std::string& name) {
  if (name.empty()) return std::optional<absl::TimeZone>();
  if (name == "UTC") return std::optional(absl::UTCTimeZone());
  absl::TimeZone zone;
  if (absl::LoadTimeZone(name, &zone)) return std::optional(zone);
  return absl::InvalidArgumentError(fmt::format(
      "this host knows no time zone '{}'; write UTC or an IANA name such as Europe/Berlin, and install tzdata", name));
}

absl::StatusOr<WallInstant> WallInstant::Parse(std::string_view text, const std::optional<absl::TimeZone>& zone,
                                               int64_t near_unix_ns) {
  const std::string_view written = text;
  int year = 0;
  int month = 0;
  int day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
  if (text.size() < 10 || text[4] != '-') {
    const std::optional<WallInstant> number = ReadNumber(text);
    if (!number) return NoInstant(written);
    return *number;
  }
  if (!TakeNumber(text, 4, year) || !TakeOne(text, "-") || !TakeNumber(text, 2, month) || !TakeOne(text, "-") ||
      !TakeNumber(text, 2, day) || !TakeOne(text, "Tt ") || !TakeNumber(text, 2, hour) || !TakeOne(text, ":") ||
      !TakeNumber(text, 2, minute))
    return NoInstant(written);
  Fraction fraction;
  bool has_seconds = false;
  if (TakeOne(text, ":")) {
    has_seconds = true;
    if (!TakeNumber(text, 2, second)) return NoInstant(written);
    if (TakeOne(text, ".,")) fraction = TakeFraction(text);
  }
  const absl::CivilSecond civil(year, month, day, hour, minute, second);
  std::optional<int64_t> offset_s;
  // A civil time normalizes what is out of range; only 60 seconds, a leap second, may be.
  if (!TakeOffset(text, offset_s) || year < 1700 || year > 2250 || second > 60 || minute > 59 || hour > 23 ||
      month < 1 || month > 12 || day < 1 || absl::CivilDay(year, month, day).day() != day)
    return NoInstant(written);
  int64_t unix_s = 0;
  if (offset_s) {
    unix_s = (civil - absl::CivilSecond()) - *offset_s;
  } else if (zone) {
    unix_s = InZone(civil, *zone, near_unix_ns / kSecond);
  } else {
    return absl::FailedPreconditionError(fmt::format("'{}' has no time zone", written));
  }
  return WallInstant{unix_s * kSecond + fraction.billionths,
                     has_seconds ? kSecond / kPowers[fraction.digits] : 60 * kSecond};
}

}  // namespace assay
