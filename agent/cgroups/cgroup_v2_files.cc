#include <array>

#include "agent/cgroups/cgroup_files.h"
#include "agent/cgroups/cgroup_parsers.h"

namespace assay {
namespace {

void FillMemoryStatV2(std::string_view text, CgroupReading& reading) {
  const MemoryStat stat = ParseMemoryStatV2(text);
  reading.sample.set_memory_inactive_file_bytes(stat.inactive_file_bytes.value_or(kNotOffered));
  reading.sample.set_memory_anon_bytes(stat.anon_bytes.value_or(kNotOffered));
}

void FillIoStat(std::string_view text, CgroupReading& reading) {
  const IoStat io = ParseIoStat(text, [&reading](std::string_view device) { return reading.devices.Stacked(device); });
  reading.sample.set_io_read_bytes(io.read_bytes);
  reading.sample.set_io_write_bytes(io.write_bytes);
  reading.sample.set_io_read_ops(io.read_ops);
  reading.sample.set_io_write_ops(io.write_ops);
}

// io.stat is read every time: what a cgroup wrote reaches the disk when it may have long been idle.
constexpr auto kFiles = std::to_array<CgroupFile>({
    {kUnified, "cpu.stat", nullptr, true, FillCpuStatV2},
    {kUnified, "memory.current", nullptr, true, FillMemoryCurrent},
    {kUnified, "memory.stat", nullptr, false, FillMemoryStatV2},
    {kUnified, "memory.peak", nullptr, true, FillMemoryPeak, IfActive},  // Linux 5.19 and later
    {kUnified, "memory.events", nullptr, true, FillOomKills, IfActive},
    {kUnified, "io.stat", nullptr, true, FillIoStat},
    {kUnified, "pids.current", nullptr, true, FillPids},
    {kUnified, "cpu.pressure", nullptr, true, FillCpuPressure},
    {kUnified, "memory.pressure", nullptr, true, FillMemoryPressure, IfActiveOrStalling},
    {kUnified, "io.pressure", nullptr, true, FillIoPressure, IfActiveOrStalling},
});

}  // namespace

std::span<const CgroupFile> CgroupFilesV2() { return kFiles; }

}  // namespace assay
