#include "coordinator/scheduling/hook_stage.h"

#include <fmt/format.h>

namespace assay {

void HookStage::Note(const HookRow& ended) {
  // What a hook did itself weighs more than that another one was cut off.
  const bool own = !ended.interrupted && !ended.cut;
  if (ended.state != "failed" || (!own && !failure.empty())) return;
  const std::string of = ended.target.empty() ? "" : " of " + ended.target;
  failure = fmt::format("{} hook{} on {}: {}", ended.kind, of, ended.where, ended.error);
  interrupted = ended.interrupted;
  cut = ended.cut;
}

}  // namespace assay
