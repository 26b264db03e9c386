#ifndef ASSAY_AGENT_LOOP_PRIORITY_H_
#define ASSAY_AGENT_LOOP_PRIORITY_H_

namespace assay {

// Puts the calling thread ahead of what it starts, so that triggers that use up the CPUs do not delay the next start
// or the instant at which an end is seen. Processes and threads that it starts afterwards run as if it had not been
// called. What the kernel or the user's rights do not allow is left out: without CAP_SYS_NICE (root) or RLIMIT_NICE
// only shorter time slices remain, from Linux 6.12 on. A nice value that somebody chose for the agent is left alone.
// True if the thread has the higher priority now. Source: sched(7), sched_setattr(2).
bool RunAheadOfTriggers();

}  // namespace assay

#endif  // ASSAY_AGENT_LOOP_PRIORITY_H_
