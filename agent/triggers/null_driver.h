#ifndef ASSAY_AGENT_TRIGGERS_NULL_DRIVER_H_
#define ASSAY_AGENT_TRIGGERS_NULL_DRIVER_H_

namespace assay {

inline constexpr const char* kNullDriver = "driver";  // its name among what the agent starts of itself

// A driver on stdin and stdout whose tasks are done as soon as they come: what the driver trigger itself costs. Returns
// the exit code.
int ServeNullDriver();

}  // namespace assay

#endif  // ASSAY_AGENT_TRIGGERS_NULL_DRIVER_H_
