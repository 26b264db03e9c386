#ifndef ASSAY_AGENT_SAMPLE_BUFFER_H_
#define ASSAY_AGENT_SAMPLE_BUFFER_H_

#include <cstdint>
#include <optional>

#include "agent/load/record_batch.h"
#include "agent/sampler/sampler.h"

namespace assay {

// Holds a share's samples back until its T0 is known, then passes them on with their instants since T0. Sampling begins
// with prepare, so that a run's first rate has a reading before it. Loop's thread only.
class SampleBuffer {
 public:
  explicit SampleBuffer(RecordBatch& batch) : batch_(batch) {}

  // Instants are monotonic.
  void Add(Readings&& readings);
  void SetT0(int64_t monotonic_ns);

 private:
  void PassOn();

  RecordBatch& batch_;
  std::optional<int64_t> t0_ns_;
  Readings held_;
};

}  // namespace assay

#endif  // ASSAY_AGENT_SAMPLE_BUFFER_H_
