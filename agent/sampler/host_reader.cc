#include "agent/sampler/host_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>

#include "agent/cgroups/cgroup_parsers.h"
#include "agent/cgroups/kernel_text.h"
#include "agent/sampler/host_parsers.h"
#include "common/clock.h"

namespace assay {
namespace {

constexpr int64_t kHostHasNone = -1;

Descriptor OpenFile(const std::string& path) { return Descriptor(open(path.c_str(), O_RDONLY | O_CLOEXEC)); }

// A file that is missing, or that this kernel refuses to print (PSI switched off), reads as empty: nothing is offered.
std::string_view TextOf(const Descriptor& file, TextBuffer& buffer) {
  return file.ok() ? buffer.Read(file.get()).value_or("") : "";
}

}  // namespace

HostReader::HostReader(const std::string& proc_root)
    : stat_(OpenFile(proc_root + "/stat")),
      meminfo_(OpenFile(proc_root + "/meminfo")),
      loadavg_(OpenFile(proc_root + "/loadavg")),
      cpu_pressure_(OpenFile(proc_root + "/pressure/cpu")),
      memory_pressure_(OpenFile(proc_root + "/pressure/memory")),
      io_pressure_(OpenFile(proc_root + "/pressure/io")),
      statm_(OpenFile(proc_root + "/self/statm")) {}

v1::HostSample HostReader::Read() {
  static const int64_t ns_per_tick = 1'000'000'000 / std::max<int64_t>(sysconf(_SC_CLK_TCK), 1);
  static const int64_t page_bytes = sysconf(_SC_PAGESIZE);
  v1::HostSample sample;
  sample.set_read_begin_ns(MonotonicNs());

  const HostCpu cpu = ParseProcStat(TextOf(stat_, buffer_), ns_per_tick);
  sample.set_cpu_user_ns(cpu.user_ns.value_or(kHostHasNone));
  sample.set_cpu_system_ns(cpu.system_ns.value_or(kHostHasNone));
  sample.set_cpu_idle_ns(cpu.idle_ns.value_or(kHostHasNone));
  sample.set_cpu_iowait_ns(cpu.iowait_ns.value_or(kHostHasNone));
  sample.set_cpu_steal_ns(cpu.steal_ns.value_or(kHostHasNone));
  sample.set_cpus(cpu.cpus);

  const HostMemory memory = ParseMeminfo(TextOf(meminfo_, buffer_));
  sample.set_memory_total_bytes(memory.total_bytes.value_or(kHostHasNone));
  sample.set_memory_available_bytes(memory.available_bytes.value_or(kHostHasNone));
  sample.set_swap_used_bytes(memory.swap_used_bytes.value_or(kHostHasNone));
  sample.set_load_milli(ParseLoadMilli(TextOf(loadavg_, buffer_)).value_or(kHostHasNone));

  sample.set_cpu_some_us(ParsePressure(TextOf(cpu_pressure_, buffer_)).some_us.value_or(kHostHasNone));
  const Pressure memory_pressure = ParsePressure(TextOf(memory_pressure_, buffer_));
  sample.set_memory_some_us(memory_pressure.some_us.value_or(kHostHasNone));
  sample.set_memory_full_us(memory_pressure.full_us.value_or(kHostHasNone));
  const Pressure io_pressure = ParsePressure(TextOf(io_pressure_, buffer_));
  sample.set_io_some_us(io_pressure.some_us.value_or(kHostHasNone));
  sample.set_io_full_us(io_pressure.full_us.value_or(kHostHasNone));

  const auto resident_pages = ParseResidentPages(TextOf(statm_, buffer_));
  sample.set_agent_memory_bytes(resident_pages.has_value() ? SaturatingProduct(*resident_pages, page_bytes)
                                                           : kHostHasNone);
  sample.set_agent_cpu_ns(ProcessCpuNs());
  sample.set_sampler_cpu_ns(ThreadCpuNs());
  sample.set_read_end_ns(MonotonicNs());
  return sample;
}

std::vector<std::string> HostReader::Measures() {
  const v1::HostSample sample = Read();
  std::vector<std::string> measures;
  const auto add_if = [&measures](int64_t value, const char* what) {
    if (value != kHostHasNone) measures.emplace_back(what);
  };
  add_if(sample.cpu_user_ns(), "cpu");
  add_if(sample.memory_available_bytes(), "memory");
  add_if(sample.swap_used_bytes(), "swap");
  add_if(sample.load_milli(), "load");
  add_if(sample.cpu_some_us(), "pressure");
  return measures;
}

}  // namespace assay
