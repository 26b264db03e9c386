#ifndef ASSAY_AGENT_SAMPLER_SOURCE_H_
#define ASSAY_AGENT_SAMPLER_SOURCE_H_

#include <cstdint>
#include <vector>

#include "agent/sampler/sampler.h"

namespace assay {

// What the sources read in one tick.
struct Readings {
  std::vector<v1::CgroupSample> cgroups;
  std::vector<v1::HostSample> hosts;
};

// Something that can be sampled. A new one is a file with a factory, and a line in registry.cc.
class Source {
 public:
  virtual ~Source() = default;
  // Adds this tick's readings, each with the instants around it. On the sampler's thread only. What cannot be read is
  // left out or -1, never an end to the sampling.
  virtual void Read(uint64_t tick, Readings& readings) = 0;
  // After the last Read: adds what the share has to report.
  virtual void Finish(Sampler::Summary&) {}
};

}  // namespace assay

#endif  // ASSAY_AGENT_SAMPLER_SOURCE_H_
