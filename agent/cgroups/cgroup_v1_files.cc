#include <unistd.h>

#include <algorithm>
#include <array>

#include "agent/cgroups/cgroup_files.h"
#include "agent/cgroups/cgroup_parsers.h"

namespace assay {
namespace {

void FillCpuacctUsage(std::string_view text, CgroupReading& reading) {
  reading.sample.set_cpu_usage_ns(ParseScalar(text).value_or(kNotOffered));
}

void FillCpuacctStat(std::string_view text, CgroupReading& reading) {
  static const int64_t ns_per_tick = 1'000'000'000 / std::max<int64_t>(sysconf(_SC_CLK_TCK), 1);
  const CpuStat stat = ParseCpuacctStat(text, ns_per_tick);
  reading.sample.set_cpu_user_ns(stat.user_ns.value_or(kNotOffered));
  reading.sample.set_cpu_system_ns(stat.system_ns.value_or(kNotOffered));
}

void FillCpuStat(std::string_view text, CgroupReading& reading) {
  const CpuStat stat = ParseCpuStatV1(text);
  reading.sample.set_throttled_ns(stat.throttled_ns.value_or(kNotOffered));
  reading.sample.set_nr_throttled(stat.nr_throttled.value_or(kNotOffered));
}

void FillMemoryStatV1(std::string_view text, CgroupReading& reading) {
  const MemoryStat stat = ParseMemoryStatV1(text);
  reading.sample.set_memory_inactive_file_bytes(stat.inactive_file_bytes.value_or(kNotOffered));
  reading.sample.set_memory_anon_bytes(stat.anon_bytes.value_or(kNotOffered));
}

BlkioSum SumOf(std::string_view text, CgroupReading& reading) {
  return ParseBlkio(text, [&reading](std::string_view device) { return reading.devices.Stacked(device); });
}

void FillBlkioBytes(std::string_view text, CgroupReading& reading) {
  const BlkioSum bytes = SumOf(text, reading);
  reading.sample.set_io_read_bytes(bytes.read.value_or(kNotOffered));
  reading.sample.set_io_write_bytes(bytes.write.value_or(kNotOffered));
}

void FillBlkioOps(std::string_view text, CgroupReading& reading) {
  const BlkioSum ops = SumOf(text, reading);
  reading.sample.set_io_read_ops(ops.read.value_or(kNotOffered));
  reading.sample.set_io_write_ops(ops.write.value_or(kNotOffered));
}

// Only where v1 knows of processes that v2 does not: an ended container is empty on both sides, and its totals stay
// true.
void FillPopulated(std::string_view text, CgroupReading& reading) {
  reading.unified_populated = ParsePopulated(text).value_or(true) || reading.sample.pids() <= 0;
}

// One that has had processes on both sides is no shell.
FileNeed UnlessPopulated(std::string_view last, const CgroupReading& /*reading*/) {
  return ParsePopulated(last).value_or(false) ? FileNeed::kSame : FileNeed::kRead;
}

FileNeed IfPopulated(std::string_view /*last*/, const CgroupReading& reading) {
  return reading.unified_populated ? FileNeed::kRead : FileNeed::kNone;
}

FileNeed IfPopulatedAndActive(std::string_view last, const CgroupReading& reading) {
  return reading.unified_populated ? IfActiveOrStalling(last, reading) : FileNeed::kNone;
}

// Without a CPU limit there are no periods, and none is throttled.
FileNeed IfLimited(std::string_view last, const CgroupReading& reading) {
  return !reading.whole && ParseCpuStatV1(last).nr_periods == 0 ? FileNeed::kSame : FileNeed::kRead;
}

// A kernel that counts no bytes of any device counts no operations either.
FileNeed IfBytesCounted(std::string_view last, const CgroupReading& reading) {
  return reading.sample.io_read_bytes() != kNotOffered ? IfActive(last, reading) : FileNeed::kNone;
}

// For a cgroup without cpuacct. Never a mixture: the two sides may hold different processes. Throttling stays v1's,
// whose controller it is.
void FillCpuStatOfUnified(std::string_view text, CgroupReading& reading) {
  const CpuStat stat = ParseCpuStatV2(text);
  reading.sample.set_cpu_usage_ns(stat.usage_ns.value_or(kNotOffered));
  reading.sample.set_cpu_user_ns(stat.user_ns.value_or(kNotOffered));
  reading.sample.set_cpu_system_ns(stat.system_ns.value_or(kNotOffered));
}

FileNeed IfWithoutCpu(std::string_view last, const CgroupReading& reading) {
  return reading.sample.cpu_usage_ns() == kNotOffered ? IfPopulated(last, reading) : FileNeed::kNone;
}

constexpr auto kHybridFiles = std::to_array<CgroupFile>({
    {"cpuacct", "cpuacct.usage", nullptr, true, FillCpuacctUsage},
    {"memory", "memory.usage_in_bytes", nullptr, true, FillMemoryCurrent},
    {"cpuacct", "cpuacct.stat", nullptr, true, FillCpuacctStat, IfActive},
    {"cpu", "cpu.stat", nullptr, true, FillCpuStat, IfLimited},
    {"memory", "memory.stat", nullptr, false, FillMemoryStatV1},
    {"memory", "memory.max_usage_in_bytes", nullptr, true, FillMemoryPeak, IfActive},
    {"memory", "memory.oom_control", nullptr, true, FillOomKills, IfActive},  // oom_kill: Linux 4.13 and later
    {"blkio", "blkio.throttle.io_service_bytes_recursive", "blkio.throttle.io_service_bytes", true, FillBlkioBytes,
     IfActive},
    {"blkio", "blkio.throttle.io_serviced_recursive", "blkio.throttle.io_serviced", true, FillBlkioOps, IfBytesCounted},
    {"pids", "pids.current", nullptr, true, FillPids},
    {kUnified, "cgroup.events", nullptr, true, FillPopulated, UnlessPopulated},
    {kUnified, "cpu.stat", nullptr, true, FillCpuStatOfUnified, IfWithoutCpu},
    {kUnified, "cpu.pressure", nullptr, true, FillCpuPressure, IfPopulated},
    {kUnified, "memory.pressure", nullptr, true, FillMemoryPressure, IfPopulatedAndActive},
    {kUnified, "io.pressure", nullptr, true, FillIoPressure, IfPopulatedAndActive},
});

constexpr size_t kV1Files = 10;
static_assert(kHybridFiles[kV1Files - 1].hierarchy != kUnified && kHybridFiles[kV1Files].hierarchy == kUnified);

}  // namespace

std::span<const CgroupFile> CgroupFilesV1() { return std::span(kHybridFiles).first(kV1Files); }
std::span<const CgroupFile> CgroupFilesHybrid() { return kHybridFiles; }

}  // namespace assay
