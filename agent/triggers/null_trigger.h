#ifndef ASSAY_AGENT_TRIGGERS_NULL_TRIGGER_H_
#define ASSAY_AGENT_TRIGGERS_NULL_TRIGGER_H_

#include <optional>
#include <string>

#include "assay/v1/scenario.pb.h"

namespace assay {

// What a trigger's kind costs by itself: the same kind, with nothing to do. Every kind has its case in the .cc file.
struct NullTrigger {
  const char* kind;  // as scenarios name it
  v1::Trigger trigger;
  const char* echo_protocol = "";  // it is to be pointed at the agent's own echo of this protocol first
};

// Nothing: this kind has no null trigger.
std::optional<NullTrigger> NullTriggerOf(const v1::Trigger& trigger);
// `address`: HOST:PORT of the echo server.
void PointAtEcho(v1::Trigger& null_trigger, const std::string& address);

}  // namespace assay

#endif  // ASSAY_AGENT_TRIGGERS_NULL_TRIGGER_H_
