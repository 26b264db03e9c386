#ifndef ASSAY_AGENT_SAMPLER_HOST_PARSERS_H_
#define ASSAY_AGENT_SAMPLER_HOST_PARSERS_H_

#include <cstdint>
#include <optional>
#include <string_view>

namespace assay {

// The texts of procfs as typed numbers. Pure: any bytes are fine; what is missing or no number is nullopt.

struct HostCpu {
  std::optional<int64_t> user_ns;    // user + nice; guests are within
  std::optional<int64_t> system_ns;  // system + irq + softirq
  std::optional<int64_t> idle_ns;
  std::optional<int64_t> iowait_ns;
  std::optional<int64_t> steal_ns;
  uint32_t cpus = 0;  // online
};
HostCpu ParseProcStat(std::string_view text, int64_t ns_per_tick);

struct HostMemory {
  std::optional<int64_t> total_bytes;
  std::optional<int64_t> available_bytes;
  std::optional<int64_t> swap_used_bytes;
};
HostMemory ParseMeminfo(std::string_view text);

// /proc/loadavg: the 1-minute average x 1000.
std::optional<int64_t> ParseLoadMilli(std::string_view text);

// /proc/PID/statm: the resident pages.
std::optional<int64_t> ParseResidentPages(std::string_view text);

// /proc/PID/net/dev, summed over all interfaces but lo. nullopt: the text is none.
struct NetworkTotals {
  int64_t rx_bytes = 0;
  int64_t rx_packets = 0;
  int64_t tx_bytes = 0;
  int64_t tx_packets = 0;
  int interfaces = 0;
};
std::optional<NetworkTotals> ParseNetDev(std::string_view text);

}  // namespace assay

#endif  // ASSAY_AGENT_SAMPLER_HOST_PARSERS_H_
