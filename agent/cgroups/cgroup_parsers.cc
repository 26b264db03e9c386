#include "agent/cgroups/cgroup_parsers.h"

#include <algorithm>

#include "agent/cgroups/kernel_text.h"

namespace assay {
namespace {

// Calls `found` with every "key count" line; lines of any other shape are passed over.
void ForEachCount(std::string_view text, absl::FunctionRef<void(std::string_view key, int64_t count)> found) {
  while (auto line = TakeLine(text)) {
    const std::string_view key = TakeField(*line);
    const auto count = ParseCount(TakeField(*line));
    if (count.has_value() && TakeField(*line).empty()) found(key, *count);
  }
}

bool IsDevice(std::string_view field) {
  const size_t colon = field.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == field.size()) return false;
  return std::all_of(field.begin(), field.end(), [](char c) { return c == ':' || (c >= '0' && c <= '9'); });
}

int64_t FromUs(int64_t us) { return SaturatingProduct(us, 1000); }

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
  ForEachCount(text, [&stat](std::string_view key, int64_t count) {
    if (key == "usage_usec") stat.usage_ns = FromUs(count);
    if (key == "user_usec") stat.user_ns = FromUs(count);
    if (key == "system_usec") stat.system_ns = FromUs(count);
    if (key == "throttled_usec") stat.throttled_ns = FromUs(count);
    if (key == "nr_throttled") stat.nr_throttled = count;
  });
  return stat;
}

CpuStat ParseCpuStatV1(std::string_view text) {
  CpuStat stat;
  ForEachCount(text, [&stat](std::string_view key, int64_t count) {
    if (key == "nr_periods") stat.nr_periods = count;
    if (key == "throttled_time") stat.throttled_ns = count;
    if (key == "nr_throttled") stat.nr_throttled = count;
  });
  return stat;
}

CpuStat ParseCpuacctStat(std::string_view text, int64_t ns_per_tick) {
  CpuStat stat;
  ForEachCount(text, [&stat, ns_per_tick](std::string_view key, int64_t count) {
    if (key == "user") stat.user_ns = SaturatingProduct(count, ns_per_tick);
    if (key == "system") stat.system_ns = SaturatingProduct(count, ns_per_tick);
  });
  return stat;
}

MemoryStat ParseMemoryStatV2(std::string_view text) {
  MemoryStat stat;
  ForEachCount(text, [&stat](std::string_view key, int64_t count) {
    if (key == "inactive_file") stat.inactive_file_bytes = count;
    if (key == "anon") stat.anon_bytes = count;
  });
  return stat;
}

MemoryStat ParseMemoryStatV1(std::string_view text) {
  MemoryStat alone;
  MemoryStat subtree;
  ForEachCount(text, [&](std::string_view key, int64_t count) {
    if (key == "inactive_file") alone.inactive_file_bytes = count;
    if (key == "rss") alone.anon_bytes = count;
    if (key == "total_inactive_file") subtree.inactive_file_bytes = count;
    if (key == "total_rss") subtree.anon_bytes = count;
  });
  if (!subtree.inactive_file_bytes.has_value()) subtree.inactive_file_bytes = alone.inactive_file_bytes;
  if (!subtree.anon_bytes.has_value()) subtree.anon_bytes = alone.anon_bytes;
  return subtree;
}

std::optional<int64_t> ParseOomKills(std::string_view text) {
  std::optional<int64_t> kills;
  ForEachCount(text, [&kills](std::string_view key, int64_t count) {
    if (key == "oom_kill") kills = count;
  });
  return kills;
}

std::optional<bool> ParsePopulated(std::string_view text) {
  std::optional<bool> populated;
  ForEachCount(text, [&populated](std::string_view key, int64_t count) {
    if (key == "populated") populated = count != 0;
  });
  return populated;
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
