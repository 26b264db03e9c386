#include "agent/sampler/host_parsers.h"

#include <algorithm>
#include <array>

#include "agent/cgroups/kernel_text.h"

namespace assay {
namespace {

std::optional<int64_t> SumOf(std::optional<int64_t> a, std::optional<int64_t> b) {
  if (!a.has_value() || !b.has_value()) return std::nullopt;
  return SaturatingSum(*a, *b);
}

bool IsCpuLine(std::string_view name) {
  return name.size() > 3 && name.starts_with("cpu") &&
         std::all_of(name.begin() + 3, name.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

HostCpu ParseProcStat(std::string_view text, int64_t ns_per_tick) {
  HostCpu cpu;
  while (auto line = TakeLine(text)) {
    const std::string_view name = TakeField(*line);
    if (IsCpuLine(name)) ++cpu.cpus;
    if (name != "cpu") continue;
    enum { kUser, kNice, kSystem, kIdle, kIowait, kIrq, kSoftirq, kSteal, kFields };
    std::array<std::optional<int64_t>, kFields> ns;
    for (auto& field : ns) {
      const auto ticks = ParseCount(TakeField(*line));
      if (ticks.has_value()) field = SaturatingProduct(*ticks, ns_per_tick);
    }
    cpu.user_ns = SumOf(ns[kUser], ns[kNice]);
    cpu.system_ns = SumOf(ns[kSystem], SumOf(ns[kIrq], ns[kSoftirq]));
    cpu.idle_ns = ns[kIdle];
    cpu.iowait_ns = ns[kIowait];
    cpu.steal_ns = ns[kSteal];
  }
  return cpu;
}

HostMemory ParseMeminfo(std::string_view text) {
  HostMemory memory;
  std::optional<int64_t> swap_total;
  std::optional<int64_t> swap_free;
  while (auto line = TakeLine(text)) {
    const std::string_view key = TakeField(*line);
    const auto kib = ParseCount(TakeField(*line));
    if (!kib.has_value()) continue;
    const int64_t bytes = SaturatingProduct(*kib, 1024);
    if (key == "MemTotal:") memory.total_bytes = bytes;
    if (key == "MemAvailable:") memory.available_bytes = bytes;
    if (key == "SwapTotal:") swap_total = bytes;
    if (key == "SwapFree:") swap_free = bytes;
  }
  if (swap_total.has_value() && swap_free.has_value()) {
    memory.swap_used_bytes = std::max<int64_t>(*swap_total - *swap_free, 0);
  }
  return memory;
}

std::optional<int64_t> ParseLoadMilli(std::string_view text) {
  auto line = TakeLine(text);
  if (!line.has_value()) return std::nullopt;
  // "0.52": always two decimals. By hand, as a locale must not decide what the point means.
  const std::string_view load = TakeField(*line);
  const size_t point = load.find('.');
  if (point == std::string_view::npos || load.size() != point + 3) return std::nullopt;
  const auto whole = ParseCount(load.substr(0, point));
  const auto hundredths = ParseCount(load.substr(point + 1));
  if (!whole.has_value() || !hundredths.has_value()) return std::nullopt;
  return SaturatingSum(SaturatingProduct(*whole, 1000), *hundredths * 10);
}

std::optional<int64_t> ParseResidentPages(std::string_view text) {
  auto line = TakeLine(text);
  if (!line.has_value()) return std::nullopt;
  TakeField(*line);
  return ParseCount(TakeField(*line));
}

std::optional<NetworkTotals> ParseNetDev(std::string_view text) {
  // Two lines of headings; then "eth0:" with eight columns of what was received and eight of what was sent.
  if (!TakeLine(text) || !TakeLine(text)) return std::nullopt;
  NetworkTotals totals;
  while (auto line = TakeLine(text)) {
    // Old kernels leave no blank behind the colon.
    const size_t colon = line->rfind(':');
    if (colon == std::string_view::npos) continue;
    std::string_view name = line->substr(0, colon);
    std::string_view fields = line->substr(colon + 1);
    if (TakeField(name) == "lo") continue;
    std::array<std::optional<int64_t>, 10> counts;
    for (auto& count : counts) count = ParseCount(TakeField(fields));
    if (!counts[0] || !counts[1] || !counts[8] || !counts[9]) continue;
    ++totals.interfaces;
    totals.rx_bytes = SaturatingSum(totals.rx_bytes, *counts[0]);
    totals.rx_packets = SaturatingSum(totals.rx_packets, *counts[1]);
    totals.tx_bytes = SaturatingSum(totals.tx_bytes, *counts[8]);
    totals.tx_packets = SaturatingSum(totals.tx_packets, *counts[9]);
  }
  return totals;
}

}  // namespace assay
