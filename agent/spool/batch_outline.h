#ifndef ASSAY_AGENT_SPOOL_BATCH_OUTLINE_H_
#define ASSAY_AGENT_SPOOL_BATCH_OUTLINE_H_

#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "assay/v1/record.pb.h"

namespace assay {

// What the spool needs to know of a batch without its records.
struct BatchOutline {
  int64_t run_id = 0;
  uint64_t triggers = 0;
  bool starts_share = false;
  bool ends_share = false;

  static BatchOutline Of(const v1::Batch& batch);
  // From serialized bytes, without parsing the records. False if they are no batch.
  static bool Read(std::string_view serialized, BatchOutline& outline);
};

// Shares that were begun and not ended, with the trigger records spooled so far: what a crash leaves to be closed.
class OpenShares {
 public:
  void Apply(const BatchOutline& outline);
  void Restore(int64_t run_id, uint64_t triggers) { triggers_by_run_[run_id] = triggers; }
  const std::map<int64_t, uint64_t>& triggers_by_run() const { return triggers_by_run_; }

 private:
  std::map<int64_t, uint64_t> triggers_by_run_;
};

// Appends the batch to `parts`, halved until each part is small enough to travel. The share's start stays in front, its
// end at the back; stream and seq are not kept.
void SplitBatch(v1::Batch&& batch, std::vector<v1::Batch>& parts);

}  // namespace assay

#endif  // ASSAY_AGENT_SPOOL_BATCH_OUTLINE_H_
