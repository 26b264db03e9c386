#ifndef ASSAY_AGENT_SPOOL_BATCH_SINK_H_
#define ASSAY_AGENT_SPOOL_BATCH_SINK_H_

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>

#include "assay/v1/record.pb.h"

namespace assay {

// Where measured records go: anything that takes batches without blocking the measurement. The spool, or a test's list.
class BatchSink {
 public:
  virtual ~BatchSink() = default;
  // Takes a batch of one share; stream and seq are assigned here. Never waits for the disk. Any thread.
  virtual void Append(v1::Batch&& batch) = 0;
  // Waits until all that was appended is on disk. ResourceExhausted: disk full.
  virtual absl::Status Flush() = 0;
  // The spool is above its high mark (and not yet below its low mark), or cannot be written: start no more triggers.
  virtual bool Full() const = 0;
};

}  // namespace assay

#endif  // ASSAY_AGENT_SPOOL_BATCH_SINK_H_
