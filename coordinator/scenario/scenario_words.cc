#include "coordinator/scenario/scenario_words.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "common/nanoseconds.h"

namespace assay {
namespace {
constexpr int64_t kHour = 3'600 * kSecond;

}  // namespace

bool IsName(std::string_view text) {
  constexpr size_t kMaxLength = 64;
  if (text.empty() || text.size() > kMaxLength || std::isalnum(static_cast<unsigned char>(text.front())) == 0)
    return false;
  return std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-'; });
}

std::string ShortDuration(int64_t ns) {
  constexpr std::array<std::pair<int64_t, std::string_view>, 6> kUnits{
      {{kHour, "h"}, {60 * kSecond, "m"}, {kSecond, "s"}, {kMs, "ms"}, {1'000, "us"}, {1, "ns"}}};
  if (ns == 0) return "0s";
  for (const auto& [unit, name] : kUnits) {
    if (ns % unit == 0) return fmt::format("{}{}", ns / unit, name);
  }
  return fmt::format("{}ns", ns);
}

std::string Wanted(const Rule& rule) {
  switch (rule.kind) {
    case ValueKind::kText:
    case ValueKind::kTemplate:
      return "a text";
    case ValueKind::kName:
      return "a name: letters, digits, '.', '_' and '-', at most 64, a letter or digit first";
    case ValueKind::kCgroup:
      return "a path glob such as \"/system.slice/postgresql*\", or an alias such as \"@postgres\"";
    case ValueKind::kEngineName:
      return "one name, without '/' or '*': letters, digits, '.', '_' and '-', a letter or digit first";
    case ValueKind::kPath:
      return "the path of a file";
    case ValueKind::kSocket:
      return "the path of a unix socket, from / and without unix://, such as /var/run/docker.sock";
    case ValueKind::kGlob:
      return rule.max == 1
                 ? "a name without '/', such as web-1, or a glob such as \"web-*\""
                 : "a name or two with '/' between them, such as shop or shop/db, or a glob such as \"shop/*\"";
    case ValueKind::kWord:
      return fmt::format("{}", fmt::join(rule.words, " or "));
    case ValueKind::kInteger:
      return fmt::format("a whole number from {} to {}", rule.min, rule.max);
    case ValueKind::kDuration:
      return fmt::format("a duration from {} to {}, a number with a unit such as 250us, 10ms, 30s, 2m or 1h",
                         ShortDuration(rule.min), ShortDuration(rule.max));
    case ValueKind::kRate:
      return fmt::format("a rate from {}/s to {}/s, such as 500/s, 30/m or 2/h", static_cast<double>(rule.min) / 1e3,
                         static_cast<double>(rule.max) / 1e3);
    case ValueKind::kFraction:
      return "a percentage such as 1%, or a number from 0 to 1";
    case ValueKind::kStatus:
      return "a status such as 200 or 2xx, or a list of them";
    case ValueKind::kJson:
      return "any value";
    case ValueKind::kPointer:
      return "a JSON pointer such as /state or /data/0/id; \"\" is the whole answer";
    case ValueKind::kBoolean:
      return "true or false";
    case ValueKind::kMap:
      return fmt::format("a map with {}", fmt::join(SupportedKeys(*rule.shape), ", "));
    case ValueKind::kTextMap:
      return rule.item->kind == ValueKind::kTemplate ? "a map of texts such as {NAME: text}"
                                                     : "a map such as {role: load}";
    case ValueKind::kList:
      if (rule.min == rule.max) return fmt::format("a list of {} values", rule.min);
      return fmt::format("a list of {} to {} values, {}", rule.min, rule.max,
                         rule.item->kind == ValueKind::kMap ? "each " + Wanted(*rule.item) : "such as [a, b]");
    case ValueKind::kOneOrMore:
      return Wanted(*rule.item) + ", or a list of such maps";
    case ValueKind::kEither:
      return fmt::format("{}, or {}", Wanted(*rule.item), Wanted(*rule.other));
    case ValueKind::kAxes:
      return "a map of axes, such as {tasks: [1000, 4000]}";
    case ValueKind::kTargets:
      return "a map of targets by name";
  }
  return "";
}

}  // namespace assay
