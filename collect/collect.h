#ifndef ASSAY_COLLECT_COLLECT_H_
#define ASSAY_COLLECT_COLLECT_H_

#include <atomic>
#include <cstdint>
#include <functional>

#include "assay/v1/agent.pb.h"
#include "assay/v1/record.pb.h"
#include "assay/v1/scenario.pb.h"
#include "common/built_in_names.h"
#include "common/secrets.h"

namespace assay {

struct CollectOrder {
  int64_t hook_id = 0;
  v1::Collector collector;
  BuiltInNames names;  // for its templates
  Secrets secrets;     // likewise; their values stand in no error
  v1::RunWork work;
  int64_t t0_unix_ns = 0;  // T0 on this host's wall clock
  int64_t clock_bound_ns = 0;
};

// Reads a target's own records of a run, look after look, until they are complete and quiet or the deadline is past.
// Blocks; ends soon when `stop` becomes true. Always brings one collection, with the records of the last look before
// it: what kept it from reading is in the collection's error. `told` is called after every look.
v1::Batch Collect(CollectOrder order, const std::atomic<bool>& stop,
                  const std::function<void(const v1::CollectorStatus&)>& told);

// Whether it wants the remote ids of its run.
bool AsksForRemoteIds(const v1::Collector& collector);

}  // namespace assay

#endif  // ASSAY_COLLECT_COLLECT_H_
