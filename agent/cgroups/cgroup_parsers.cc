#include "agent/cgroups/cgroup_parsers.h"

#include <algorithm>
#include <initializer_list>

#include "agent/cgroups/kernel_text.h"

namespace assay {
namespace {

struct KeyedCount {
  std::string_view key;
  std::optional<int64_t>& count;
};

// Fills the counts from the "key count" lines of their keys; lines of any other shape are passed over. memory.stat has
// some forty lines, two to four of them wanted, so only those are taken apart.
void FillCounts(std::string_view text, std::initializer_list<KeyedCount> wanted) {
  while (const auto line = TakeLine(text)) {
    for (const auto& [key, count] : wanted) {
      if (line->size() <= key.size() || (*line)[key.size()] != ' ' || !line->starts_with(key)) continue;
      std::string_view rest = line->substr(key.size());
      const auto number = ParseCount(TakeField(rest));
      if (number.has_value() && TakeField(rest).empty()) count = number;
    }
  }
}

void Scale(int64_t factor, std::initializer_list<std::optional<int64_t>*> counts) {
  for (std::optional<int64_t>* const count : counts) {
    if (count->has_value()) *count = SaturatingProduct(**count, factor);
  }
}

bool IsDevice(std::string_view field) {
  const size_t colon = field.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == field.size()) return false;
  return std::all_of(field.begin(), field.end(), [](char c) { return c == ':' || (c >= '0' && c <= '9'); });
}

void Add(int64_t& sum, std::optional<int64_t> count) { sum = SaturatingSum(sum, count.value_or(0)); }

// "rbytes=1" -> its count if the key is `key`.
std::optional<int64_t> ValueOf(std::string_view field, std::string_view key) {
  if (!field.starts_with(key) || field.size() <= key.size() || field[key.size()] != '=') return std::nullopt;
  return ParseCount(field.substr(key.size() + 1));
}

}  // namespace

std::optional<int64_t> ParseScalar(std::string_view text) {
  auto line = TakeLine(text);
  if (!line.has_value()) return std::nullopt;
  const auto count = ParseCount(TakeField(*line));
  return TakeField(*line).empty() ? count : std::nullopt;
}

CpuStat ParseCpuStatV2(std::string_view text) {
  CpuStat stat;
  FillCounts(text, {{"usage_usec", stat.usage_ns},
                    {"user_usec", stat.user_ns},
                    {"system_usec", stat.system_ns},
                    {"throttled_usec", stat.throttled_ns},
                    {"nr_throttled", stat.nr_throttled}});
  Scale(1000, {&stat.usage_ns, &stat.user_ns, &stat.system_ns, &stat.throttled_ns});
  return stat;
}

CpuStat ParseCpuStatV1(std::string_view text) {
  CpuStat stat;
  FillCounts(
      text,
      {{"nr_periods", stat.nr_periods}, {"nr_throttled", stat.nr_throttled}, {"throttled_time", stat.throttled_ns}});
  return stat;
}

CpuStat ParseCpuacctStat(std::string_view text, int64_t ns_per_tick) {
  CpuStat stat;
  FillCounts(text, {{"user", stat.user_ns}, {"system", stat.system_ns}});
  Scale(ns_per_tick, {&stat.user_ns, &stat.system_ns});
  return stat;
}

MemoryStat ParseMemoryStatV2(std::string_view text) {
  MemoryStat stat;
  FillCounts(text, {{"inactive_file", stat.inactive_file_bytes}, {"anon", stat.anon_bytes}});
  return stat;
}

MemoryStat ParseMemoryStatV1(std::string_view text) {
  MemoryStat alone;
  MemoryStat subtree;
  FillCounts(text, {{"inactive_file", alone.inactive_file_bytes},
                    {"rss", alone.anon_bytes},
                    {"total_inactive_file", subtree.inactive_file_bytes},
                    {"total_rss", subtree.anon_bytes}});
  if (!subtree.inactive_file_bytes.has_value()) subtree.inactive_file_bytes = alone.inactive_file_bytes;
  if (!subtree.anon_bytes.has_value()) subtree.anon_bytes = alone.anon_bytes;
  return subtree;
}

std::optional<int64_t> ParseOomKills(std::string_view text) {
  std::optional<int64_t> kills;
  FillCounts(text, {{"oom_kill", kills}});
  return kills;
}

std::optional<bool> ParsePopulated(std::string_view text) {
  std::optional<int64_t> populated;
  FillCounts(text, {{"populated", populated}});
  if (!populated.has_value()) return std::nullopt;
  return *populated != 0;
}

IoStat ParseIoStat(std::string_view text, IsStacked stacked) {
  IoStat plain;
  IoStat upper;
  bool any_plain = false;
  while (auto line = TakeLine(text)) {
    const std::string_view device = TakeField(*line);
    if (!IsDevice(device)) continue;
    const bool is_upper = stacked(device);
    any_plain |= !is_upper;
    IoStat& sum = is_upper ? upper : plain;
    for (auto field = TakeField(*line); !field.empty(); field = TakeField(*line)) {
      Add(sum.read_bytes, ValueOf(field, "rbytes"));
      Add(sum.write_bytes, ValueOf(field, "wbytes"));
      Add(sum.read_ops, ValueOf(field, "rios"));
      Add(sum.write_ops, ValueOf(field, "wios"));
    }
  }
  return any_plain ? plain : upper;
}

BlkioSum ParseBlkio(std::string_view text, IsStacked stacked) {
  struct Sum {
    int64_t read = 0;
    int64_t write = 0;
  };
  Sum plain;
  Sum upper;
  bool any = false;
  bool any_plain = false;
  while (auto line = TakeLine(text)) {
    const std::string_view device = TakeField(*line);
    if (!IsDevice(device)) continue;
    const bool is_upper = stacked(device);
    any = true;
    any_plain |= !is_upper;
    Sum& sum = is_upper ? upper : plain;
    const std::string_view operation = TakeField(*line);
    const auto count = ParseCount(TakeField(*line));
    if (operation == "Read") Add(sum.read, count);
    if (operation == "Write") Add(sum.write, count);
  }
  if (!any) return {};
  const Sum& sum = any_plain ? plain : upper;
  return {sum.read, sum.write};
}

Pressure ParsePressure(std::string_view text) {
  Pressure pressure;
  while (auto line = TakeLine(text)) {
    const std::string_view who = TakeField(*line);
    for (auto field = TakeField(*line); !field.empty(); field = TakeField(*line)) {
      const auto total_us = ValueOf(field, "total");
      if (!total_us.has_value()) continue;
      if (who == "some") pressure.some_us = total_us;
      if (who == "full") pressure.full_us = total_us;
    }
  }
  return pressure;
}

}  // namespace assay
