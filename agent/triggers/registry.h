#ifndef ASSAY_AGENT_TRIGGERS_REGISTRY_H_
#define ASSAY_AGENT_TRIGGERS_REGISTRY_H_

#include <absl/status/statusor.h>

#include <memory>

#include "agent/triggers/trigger_kind.h"

namespace assay {

// The kind that context.spec.trigger() asks for. Unimplemented: this agent does not know it.
absl::StatusOr<std::unique_ptr<TriggerKind>> MakeTriggerKind(TriggerContext context);

}  // namespace assay

#endif  // ASSAY_AGENT_TRIGGERS_REGISTRY_H_
