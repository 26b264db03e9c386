#include "agent/cgroups/cgroup_files.h"

#include "agent/cgroups/cgroup_parsers.h"

namespace assay {

std::span<const CgroupFile> CgroupFilesOf(CgroupLayout::Kind kind) {
  switch (kind) {
    case CgroupLayout::Kind::kNone:
      return {};
    case CgroupLayout::Kind::kV1:
      return CgroupFilesV1();
    case CgroupLayout::Kind::kV2:
      return CgroupFilesV2();
    case CgroupLayout::Kind::kHybrid:
      return CgroupFilesHybrid();
  }
  return {};
}

bool CgroupReading::Active() const {
  return sample.cpu_usage_ns() == kNotOffered || sample.cpu_usage_ns() != past.cpu_usage_ns ||
         sample.memory_current_bytes() != past.memory_current_bytes;
}

FileNeed IfActive(std::string_view last, const CgroupReading& reading) {
  return reading.whole || last.empty() || reading.Active() ? FileNeed::kRead : FileNeed::kSame;
}

FileNeed IfActiveOrStalling(std::string_view last, const CgroupReading& reading) {
  return reading.past.stalling ? FileNeed::kRead : IfActive(last, reading);
}

void FillCpuStatV2(std::string_view text, CgroupReading& reading) {
  const CpuStat stat = ParseCpuStatV2(text);
  reading.sample.set_cpu_usage_ns(stat.usage_ns.value_or(kNotOffered));
  reading.sample.set_cpu_user_ns(stat.user_ns.value_or(kNotOffered));
  reading.sample.set_cpu_system_ns(stat.system_ns.value_or(kNotOffered));
  reading.sample.set_throttled_ns(stat.throttled_ns.value_or(kNotOffered));
  reading.sample.set_nr_throttled(stat.nr_throttled.value_or(kNotOffered));
}

void FillCpuPressure(std::string_view text, CgroupReading& reading) {
  reading.sample.set_cpu_some_us(ParsePressure(text).some_us.value_or(kNotOffered));
}

void FillMemoryPressure(std::string_view text, CgroupReading& reading) {
  const Pressure pressure = ParsePressure(text);
  reading.sample.set_memory_some_us(pressure.some_us.value_or(kNotOffered));
  reading.sample.set_memory_full_us(pressure.full_us.value_or(kNotOffered));
}

void FillIoPressure(std::string_view text, CgroupReading& reading) {
  const Pressure pressure = ParsePressure(text);
  reading.sample.set_io_some_us(pressure.some_us.value_or(kNotOffered));
  reading.sample.set_io_full_us(pressure.full_us.value_or(kNotOffered));
}

void FillOomKills(std::string_view text, CgroupReading& reading) {
  reading.sample.set_oom_kills(ParseOomKills(text).value_or(kNotOffered));
}

void FillMemoryCurrent(std::string_view text, CgroupReading& reading) {
  reading.sample.set_memory_current_bytes(ParseScalar(text).value_or(kNotOffered));
}

void FillMemoryPeak(std::string_view text, CgroupReading& reading) {
  reading.sample.set_memory_peak_bytes(ParseScalar(text).value_or(kNotOffered));
}

void FillPids(std::string_view text, CgroupReading& reading) {
  reading.sample.set_pids(ParseScalar(text).value_or(kNotOffered));
}

}  // namespace assay
