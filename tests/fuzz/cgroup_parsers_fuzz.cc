#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "agent/cgroups/cgroup_glob.h"
#include "agent/cgroups/cgroup_parsers.h"
#include "agent/sampler/containers/container_path.h"
#include "agent/sampler/containers/container_process.h"
#include "agent/sampler/host_parsers.h"

namespace {

// What every parser promises: a number that is there is not negative.
void Check(std::optional<int64_t> count) {
  if (count.has_value() && *count < 0) abort();
}

void CheckAll(const assay::CpuStat& stat) {
  Check(stat.usage_ns);
  Check(stat.user_ns);
  Check(stat.system_ns);
  Check(stat.throttled_ns);
  Check(stat.nr_throttled);
}

void CheckAll(const assay::MemoryStat& stat) {
  Check(stat.inactive_file_bytes);
  Check(stat.anon_bytes);
}

bool IsDeviceName(std::string_view device) { return device.find_first_not_of("0123456789:") == std::string_view::npos; }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace assay;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Check(ParseScalar(text));
  CheckAll(ParseCpuStatV2(text));
  CheckAll(ParseCpuStatV1(text));
  CheckAll(ParseCpuacctStat(text, 10'000'000));
  CheckAll(ParseMemoryStatV1(text));
  CheckAll(ParseMemoryStatV2(text));
  Check(ParseOomKills(text));
  ParsePopulated(text);

  // The device becomes part of a path in sysfs: nothing but digits and a colon may come through.
  const auto stacked = [](std::string_view device) {
    if (!IsDeviceName(device)) abort();
    return device.ends_with('1');
  };
  const IoStat io = ParseIoStat(text, stacked);
  for (const int64_t count : {io.read_bytes, io.write_bytes, io.read_ops, io.write_ops}) Check(count);
  const BlkioSum blkio = ParseBlkio(text, stacked);
  for (const auto count : {blkio.read, blkio.write}) Check(count);

  const Pressure pressure = ParsePressure(text);
  for (const auto count : {pressure.some_us, pressure.full_us}) Check(count);

  const HostCpu cpu = ParseProcStat(text, 10'000'000);
  for (const auto ns : {cpu.user_ns, cpu.system_ns, cpu.idle_ns, cpu.iowait_ns, cpu.steal_ns}) Check(ns);
  const HostMemory memory = ParseMeminfo(text);
  for (const auto bytes : {memory.total_bytes, memory.available_bytes, memory.swap_used_bytes}) Check(bytes);
  Check(ParseLoadMilli(text));
  Check(ParseResidentPages(text));
  Check(ParseStartTicks(text));
  if (const auto network = ParseNetDev(text)) {
    for (const int64_t count : {network->rx_bytes, network->rx_packets, network->tx_bytes, network->tx_packets})
      Check(count);
  }

  // The id becomes part of a path of Docker's.
  if (const auto container = ContainerPath::Parse(text)) {
    if (container->id.find_first_not_of("0123456789abcdef") != std::string::npos) abort();
  }
  UnitOfCgroup(text);

  // A pattern comes out of a scenario: it must not lead out of the cgroup root.
  const auto glob = CgroupGlob::Parse(text.substr(0, 64));
  if (glob.ok()) {
    for (const std::string& segment : glob->segments()) {
      if (segment.empty() || segment == "." || segment == ".." || segment.find('/') != std::string::npos) abort();
    }
    glob->Matches(text.substr(size / 2));
  }
  return 0;
}
