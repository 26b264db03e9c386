#ifndef ASSAY_AGENT_SAMPLER_SOURCE_H_
#define ASSAY_AGENT_SAMPLER_SOURCE_H_

#include <cstdint>
#include <vector>

#include "agent/sampler/sampler.h"

namespace assay {

// Something that can be sampled. A new one is a file with a factory, and a line in registry.cc.
class Source {
 public:
  virtual ~Source() = default;
  // Adds this tick's readings, each with the instants around it. On the sampler's thread only. What cannot be read is
  // left out or -1, never an end to the sampling.
  virtual void Read(uint64_t tick, Readings& readings) = 0;
  // The next Read is the last.
  virtual void BeforeLastRead() {}
  // A descriptor that is readable when ReadBetween has something to read that cannot wait for the next tick; -1: none.
  virtual int WakeFd() const { return -1; }
  virtual void ReadBetween(uint64_t /*last_tick*/, Readings& /*readings*/) {}
  // What it costs besides the time of the sampler's own thread.
  virtual int64_t OtherThreadsCpuNs() const { return 0; }
  // After the last Read: adds what the share has to report.
  virtual void Finish(Sampler::Summary&) {}
};

}  // namespace assay

#endif  // ASSAY_AGENT_SAMPLER_SOURCE_H_
