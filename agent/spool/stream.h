#ifndef ASSAY_AGENT_SPOOL_STREAM_H_
#define ASSAY_AGENT_SPOOL_STREAM_H_

#include <absl/status/statusor.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "agent/spool/segment.h"
#include "common/delivery.h"

namespace assay {

// One incarnation's batches: segment files in a directory of its own, the batches not yet written, and what the
// coordinator has of them. Not thread-safe: the spool's mutex guards it. The disk is written outside of that mutex, by
// a SegmentWriter: NextChunk -> SegmentWriter::Write -> Written.
class SpoolStream {
 public:
  struct Pending {
    uint64_t seq = 0;
    std::shared_ptr<const std::string> record;  // as it will stand in the file
    BatchOutline outline;
  };
  // What the writer takes in one go.
  struct Chunk {
    std::vector<Pending> batches;
    OpenShares open;              // in front of the first batch
    uint64_t segment_number = 0;  // for a new segment, should one be due
  };
  struct Placement {
    std::shared_ptr<SpoolSegment> segment;
    uint64_t segment_number = 0;
    uint64_t offset = 0;  // of the chunk's first record
    bool new_segment = false;
  };

  // This process's own stream; makes the directory.
  static absl::StatusOr<std::unique_ptr<SpoolStream>> Create(const std::string& directory, const std::string& name);
  // What an earlier incarnation left. Cuts off a torn end. Files that cannot be used are logged and kept.
  static absl::StatusOr<std::unique_ptr<SpoolStream>> Recover(const std::string& directory, const std::string& name);

  const std::string& name() const { return name_; }
  const std::string& directory() const { return directory_; }
  int64_t created_wall_ns() const { return created_wall_ns_; }
  uint64_t unacked_bytes() const { return unacked_bytes_; }
  uint64_t unacked_batches() const { return window_.last() - window_.acked(); }
  uint64_t last_seq() const { return window_.last(); }
  uint64_t acked_seq() const { return window_.acked(); }
  bool HasPending() const { return !pending_.empty(); }
  // An earlier incarnation's stream of which nothing is left to do: its directory can go.
  bool Finished() const;

  // `batch` gets its stream and number from the caller: name() and last_seq() + 1.
  void Add(const v1::Batch& batch, std::string record);

  Chunk NextChunk(uint64_t max_bytes) const;
  void Written(const Chunk& chunk, const Placement& placement);

  // The coordinator has all up to `through_seq`: sending goes on behind it. In an earlier incarnation's stream, shares
  // that were begun and not ended are closed now with ShareEnd{crashed}: only now is it certain which numbers are free.
  // FailedPrecondition: the coordinator's idea cannot be reconciled with what is here; nothing can be sent.
  absl::Status Resume(uint64_t through_seq);
  void Suspend() { resumed_ = false; }  // the connection is gone: nothing to send until the next Resume
  // False if the coordinator claims what was never appended.
  bool Acked(uint64_t through_seq);
  // Segment files that nobody needs any more, to be unlinked.
  std::vector<std::string> TakeGarbage();
  // For a disk without room: gives up also the last segment, if all in it is acknowledged. The next one repeats what it
  // tells of open shares; only a crash before that loses it, and then those shares are lost to the coordinator instead
  // of crashed. False if there is nothing to give up.
  bool GiveUpAcked();

  // Where the next batch to be sent is. Pending ones count only `with_pending`.
  struct Location {
    uint64_t seq = 0;
    std::shared_ptr<const std::string> record;  // if it is still in memory
    std::shared_ptr<SpoolSegment> segment;      // else; null: its file is gone or damaged there
    SpoolSegment::Entry entry;
  };
  bool HasUnsent() const { return resumed_ && window_.HasNext(); }
  bool CanSend(bool with_pending) const;
  Location TakeNext();
  // The run of the nearest batch around `seq` that can be read, 0 if none.
  int64_t NearestRun(uint64_t seq);

  // Remembers acked_seq() in the directory; it may lag behind after a crash, never lead.
  absl::Status SaveAcked();

 private:
  struct Segment {
    uint64_t number = 0;
    uint64_t first_seq = 0;
    std::string path;
    std::vector<SpoolSegment::Entry> entries;
    std::shared_ptr<SpoolSegment> file;  // open only while it is read or written
  };

  SpoolStream(std::string directory, std::string name, bool own);
  void Acknowledge(uint64_t through_seq);  // accounts for the bytes, drops what is not needed
  Location Locate(uint64_t seq);
  void CloseOpenShares();

  const std::string directory_;
  const std::string name_;
  const bool own_;
  int64_t created_wall_ns_ = 0;
  SendWindow window_;
  std::deque<Segment> segments_;
  std::deque<Pending> pending_;  // seqs without gaps up to window_.last()
  OpenShares open_;              // behind the last batch
  OpenShares open_at_pending_;   // in front of the first pending batch
  uint64_t unacked_bytes_ = 0;
  uint64_t saved_acked_ = 0;
  bool resumed_ = false;
  std::vector<std::string> garbage_;
};

}  // namespace assay

#endif  // ASSAY_AGENT_SPOOL_STREAM_H_
