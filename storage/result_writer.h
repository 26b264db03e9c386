#ifndef ASSAY_STORAGE_RESULT_WRITER_H_
#define ASSAY_STORAGE_RESULT_WRITER_H_

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "assay/v1/record.pb.h"
#include "storage/connection.h"

namespace assay {

// Stores batches exactly once: one transaction advances delivery.last_seq of every stream in it, COPYs the rows into
// the sweep's partitions, closes shares that ended, and commits. Only then may anything be acknowledged. One thread,
// one connection.
class ResultWriter {
 public:
  explicit ResultWriter(Connection& connection) : connection_(connection) {}

  // NotFound: no agent of that name was ever connected.
  absl::StatusOr<int64_t> AgentId(const std::string& name);
  // Makes the stream known and returns its watermark (0 for a new one). AlreadyExists if it is another agent's: two
  // senders of one stream would take their batches for each other's.
  absl::StatusOr<uint64_t> OpenStream(const std::string& stream, int64_t agent_id);

  struct Written {
    struct Stream {
      std::string stream;
      uint64_t through_seq = 0;  // now committed, for an ack
      bool gap = false;          // a batch before the offered one is missing: the agent must resume behind through_seq
    };
    std::vector<Stream> streams;
    struct EndedShare {
      int64_t run_id;
      int64_t agent_id;
      v1::ShareEnd end;
    };
    std::vector<EndedShare> ended_shares;  // their last record was in this flush
    std::vector<int64_t> collected_hooks;  // what they found was in this flush
    std::vector<int64_t> late_runs;        // ended runs that got rows now: end them again
    uint64_t rows = 0;
    uint64_t discarded_rows = 0;  // of sweeps that were removed
  };
  // Batches of one stream must come in the order of seq. Duplicates are skipped. On Unavailable nothing or everything
  // was stored: call again with the same batches, the watermark decides. NotFound: a stream that was never opened. Text
  // that PostgreSQL would refuse (NUL, bytes that are not UTF-8) is mended, so that no agent can block the others.
  absl::StatusOr<Written> Write(const std::vector<v1::Batch>& batches);

 private:
  void MarkCommitted(const Written& written);

  Connection& connection_;
};

}  // namespace assay

#endif  // ASSAY_STORAGE_RESULT_WRITER_H_
