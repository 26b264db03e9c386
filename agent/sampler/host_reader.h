#ifndef ASSAY_AGENT_SAMPLER_HOST_READER_H_
#define ASSAY_AGENT_SAMPLER_HOST_READER_H_

#include <string>
#include <vector>

#include "agent/cgroups/text_buffer.h"
#include "assay/v1/record.pb.h"
#include "common/descriptor.h"

namespace assay {

// Reads the host and this process from files of a procfs that are opened once.
class HostReader {
 public:
  explicit HostReader(const std::string& proc_root);

  // All of a sample but its tick; what is not offered is -1. sampler_cpu_ns is the calling thread's.
  v1::HostSample Read();

  // What can be measured here, for people: "cpu", "memory", "swap", "load", "pressure".
  std::vector<std::string> Measures();

 private:
  TextBuffer buffer_;
  Descriptor stat_;
  Descriptor meminfo_;
  Descriptor loadavg_;
  Descriptor cpu_pressure_;
  Descriptor memory_pressure_;
  Descriptor io_pressure_;
  Descriptor statm_;
};

}  // namespace assay

#endif  // ASSAY_AGENT_SAMPLER_HOST_READER_H_
