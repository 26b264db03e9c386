#ifndef ASSAY_AGENT_SPOOL_SPOOL_H_
#define ASSAY_AGENT_SPOOL_SPOOL_H_

#include <absl/status/statusor.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "agent/spool/batch_sink.h"
#include "agent/spool/segment_writer.h"
#include "agent/spool/stream.h"
#include "assay/v1/agent.pb.h"
#include "common/descriptor.h"

namespace assay {

// Keeps every batch on disk until the coordinator has committed it: <directory>/<cluster
// id>/<incarnation>/NNNNNNNN.seg. A thread of its own serializes and writes; it syncs about once per second, on Flush
// and at the end. When the disk takes no more, batches stay in memory (and are delivered from there), Full() is true,
// and writing is tried again every second. Any thread may call any method.
class Spool : public BatchSink {
 public:
  struct Options {
    std::string directory;
    uint64_t limit_bytes = 1 << 30;  // Full() from 80 % of it, until below 50 %
    std::string incarnation;         // names this process's stream
  };
  // A batch to send, as serialized bytes.
  struct Outgoing {
    std::string stream;
    uint64_t seq = 0;
    std::string bytes;
  };

  // Takes the directory for this process. FailedPrecondition: another agent has it.
  static absl::StatusOr<std::unique_ptr<Spool>> Open(Options options);
  ~Spool() override;  // writes what is queued, syncs; what is not acknowledged stays on disk

  // Says which Assay database the batches are for and finds what earlier incarnations left for it. Until then batches
  // are held in memory. FailedPrecondition once another cluster was chosen.
  absl::Status UseCluster(const std::string& cluster_id);

  void Append(v1::Batch&& batch) override;
  absl::Status Flush() override;
  bool Full() const override { return full_ || queue_full_; }
  v1::SpoolStatus Status() const;

  // For the results link. A connection begins with Offer: the streams for its hello, oldest first, this process's own
  // last. Nothing of a stream is sent until Resume says what the coordinator has of it.
  std::vector<std::string> Offer();
  absl::Status Resume(const std::string& stream, uint64_t through_seq);
  // The coordinator will not take it on this connection: nothing of it is sent until the next Resume, and it stays on
  // disk. Returns its directory, empty if there is none.
  std::string Refused(const std::string& stream);
  // The next batch of the oldest resumed stream that has one. Nothing after `wait`, or once Wake was called.
  std::optional<Outgoing> Next(std::chrono::milliseconds wait);
  void Wake();
  void Acked(const std::string& stream, uint64_t through_seq);

  struct Undelivered {
    uint64_t batches = 0;
    uint64_t bytes = 0;
  };
  Undelivered undelivered() const;

 private:
  Spool(Options options, Descriptor lock);

  void Write();  // the writer's thread
  void Serialize(v1::Batch&& batch);
  absl::Status WriteStreams();
  absl::Status SyncStreams();
  bool GiveUpAcked(const std::string& name, SegmentWriter& writer);
  void SaveAcked();
  SegmentWriter& WriterOf(const SpoolStream& stream);
  void PokeWriter();

  // Under mutex_:
  SpoolStream* Find(const std::string& stream);
  void UpdateMarks();
  void RemoveFinished(std::vector<std::string>& garbage);
  uint64_t UnackedBytes() const;

  const Options options_;
  const Descriptor lock_;  // on the directory
  std::string cluster_id_;

  // Append touches only these, so it never waits for the disk or for the link.
  mutable std::mutex queue_mutex_;
  std::condition_variable queue_filled_;
  std::condition_variable flushed_;
  std::vector<v1::Batch> queue_;
  bool ready_ = false;  // UseCluster was called
  bool poked_ = false;
  bool stop_ = false;
  uint64_t flush_requested_ = 0;
  uint64_t flush_done_ = 0;
  absl::Status flush_status_;
  std::atomic<bool> queue_full_ = false;

  mutable std::mutex mutex_;  // taken after queue_mutex_ where both are held
  std::condition_variable sendable_;
  std::vector<std::unique_ptr<SpoolStream>> streams_;  // oldest first, own last
  SpoolStream* own_ = nullptr;
  absl::Status disk_status_;
  bool woken_ = false;
  std::atomic<bool> full_ = false;

  std::map<std::string, SegmentWriter> writers_;  // the writer's thread only
  std::thread writer_;
};

}  // namespace assay

#endif  // ASSAY_AGENT_SPOOL_SPOOL_H_
