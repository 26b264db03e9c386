#ifndef ASSAY_COORDINATOR_OWN_HOOKS_H_
#define ASSAY_COORDINATOR_OWN_HOOKS_H_

#include <atomic>
#include <functional>
#include <string>

#include "common/secrets.h"
#include "coordinator/scheduling/hook_stage.h"
#include "storage/rows.h"

namespace assay {

// The hooks of the coordinator itself, each to its end on the calling thread. They return the row of its end.

HookRow RunOwnCommand(PlacedHook hook, const Secrets& secrets, const std::atomic<bool>& stop);

struct OwnCollector {
  std::string database_url;
  int64_t term = 0;
  Secrets secrets;
  const std::atomic<bool>& stop;     // what was read by then is stored
  const std::atomic<bool>& leaving;  // nothing is stored: the next coordinator reads once more
  std::function<void(const v1::CollectorStatus&)> told;
};
// Over a connection of its own. Waits out a store that is away.
HookRow RunOwnCollector(const PlacedHook& hook, const OwnCollector& how);

}  // namespace assay

#endif  // ASSAY_COORDINATOR_OWN_HOOKS_H_
