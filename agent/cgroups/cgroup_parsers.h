#ifndef ASSAY_AGENT_CGROUPS_CGROUP_PARSERS_H_
#define ASSAY_AGENT_CGROUPS_CGROUP_PARSERS_H_

#include <absl/functional/function_ref.h>

#include <cstdint>
#include <optional>
#include <string_view>

namespace assay {

// The texts of cgroup files as typed numbers. Pure: any bytes are fine; what is missing or no number is nullopt, and
// what is there is never negative. Where v1 and v2 differ in unit, both come out in the unit of the name.

// Files that hold one number: memory.current, pids.current, cpuacct.usage (ns), ...
std::optional<int64_t> ParseScalar(std::string_view text);

struct CpuStat {
  std::optional<int64_t> usage_ns;
  std::optional<int64_t> user_ns;
  std::optional<int64_t> system_ns;
  std::optional<int64_t> throttled_ns;
  std::optional<int64_t> nr_throttled;
  std::optional<int64_t> nr_periods;
};
CpuStat ParseCpuStatV2(std::string_view text);  // cpu.stat, in microseconds there
CpuStat ParseCpuStatV1(std::string_view text);  // cpu.stat: throttling and periods only
CpuStat ParseCpuacctStat(std::string_view text,
                         int64_t ns_per_tick);  // cpuacct.stat: user and system only, in ticks there

struct MemoryStat {
  std::optional<int64_t> inactive_file_bytes;
  std::optional<int64_t> anon_bytes;
};
MemoryStat ParseMemoryStatV2(std::string_view text);
MemoryStat ParseMemoryStatV1(
    std::string_view text);  // the whole subtree (total_*) where the kernel tells it, else the cgroup alone

// memory.events (v2), memory.oom_control (v1).
std::optional<int64_t> ParseOomKills(std::string_view text);

// cgroup.events: whether the cgroup or one below it has processes. nullopt: does not say.
std::optional<bool> ParsePopulated(std::string_view text);

// True for a device ("8:0") that only passes its I/O on to others (dm, md): counting both would count twice.
using IsStacked = absl::FunctionRef<bool(std::string_view device)>;

// Sums over devices, stacked ones left out unless there are no others.
struct IoStat {
  int64_t read_bytes = 0;
  int64_t write_bytes = 0;
  int64_t read_ops = 0;
  int64_t write_ops = 0;
};
IoStat ParseIoStat(std::string_view text, IsStacked stacked);  // io.stat (v2)
// Without a line of any device nothing is known: the root cgroup and newer kernels count no I/O here, and then print
// the same as for a cgroup that has done none.
struct BlkioSum {
  std::optional<int64_t> read;
  std::optional<int64_t> write;
};
BlkioSum ParseBlkio(std::string_view text, IsStacked stacked);  // blkio.throttle.io_service_bytes, io_serviced (v1)

// PSI, of a cgroup or of the host: time some (all) tasks stood still for the resource, cumulative.
struct Pressure {
  std::optional<int64_t> some_us;
  std::optional<int64_t> full_us;
};
Pressure ParsePressure(std::string_view text);

}  // namespace assay

#endif  // ASSAY_AGENT_CGROUPS_CGROUP_PARSERS_H_
