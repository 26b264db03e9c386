#ifndef ASSAY_AGENT_SPOOL_SEGMENT_WRITER_H_
#define ASSAY_AGENT_SPOOL_SEGMENT_WRITER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "agent/spool/stream.h"

namespace assay {

// The file a stream is being written to. Used by the spool's writer thread only.
class SegmentWriter {
 public:
  SegmentWriter(std::string directory, uint64_t segment_bytes)
      : directory_(std::move(directory)), segment_bytes_(segment_bytes) {}

  // After an error nothing of the chunk counts as written; the next try overwrites what got there.
  absl::StatusOr<SpoolStream::Placement> Write(const SpoolStream::Chunk& chunk);
  absl::Status Sync();  // no-op when all is synced
  void GiveUp();        // the file is to be removed: lets go of it

 private:
  const std::string directory_;
  const uint64_t segment_bytes_;
  std::shared_ptr<SpoolSegment> segment_;
  uint64_t segment_number_ = 0;
  uint64_t offset_ = 0;
  uint64_t next_seq_ = 0;
  bool dirty_ = false;
};

}  // namespace assay

#endif  // ASSAY_AGENT_SPOOL_SEGMENT_WRITER_H_
