#include "agent/triggers/registry.h"

#include <utility>

// Every kind of trigger, one line each: its case in scenario.proto, and the factory that its file defines.
#define ASSAY_TRIGGER_KINDS(KIND)        \
  KIND(kSleep, MakeSleepTrigger)         \
  KIND(kExec, MakeExecTrigger)           \
  KIND(kHttp, MakeHttpTrigger)           \
  KIND(kContainer, MakeContainerTrigger) \
  KIND(kGrpc, MakeGrpcTrigger)           \
  KIND(kDriver, MakeDriverTrigger)

namespace assay {

#define ASSAY_DECLARE(kind_case, factory) std::unique_ptr<TriggerKind> factory(TriggerContext context);
ASSAY_TRIGGER_KINDS(ASSAY_DECLARE)
#undef ASSAY_DECLARE

absl::StatusOr<std::unique_ptr<TriggerKind>> MakeTriggerKind(TriggerContext context) {
  switch (context.spec.trigger().kind_case()) {
#define ASSAY_MAKE(kind_case, factory) \
  case v1::Trigger::kind_case:         \
    return factory(std::move(context));
    ASSAY_TRIGGER_KINDS(ASSAY_MAKE)
#undef ASSAY_MAKE
    case v1::Trigger::KIND_NOT_SET:
      break;
  }
  return absl::UnimplementedError(
      "this agent does not know this kind of trigger; install the coordinator's version on it");
}

}  // namespace assay
