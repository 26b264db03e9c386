#ifndef ASSAY_AGENT_LOOP_STRAY_REAPER_H_
#define ASSAY_AGENT_LOOP_STRAY_REAPER_H_

#include <sys/types.h>

#include <map>

#include "agent/loop/event_loop.h"

namespace assay {

// Makes this process the parent of what triggers and hooks leave behind, and reaps those orphans when they end. A
// container's first process gets them anyway, and on a host without it they would go to an init that may not reap.
// Loop's thread only.
class StrayReaper {
 public:
  explicit StrayReaper(EventLoop& loop);
  ~StrayReaper();

  // Reaps the orphans that have ended, and never a process that someone here waits for. To be called now and then, with
  // turns of the loop between.
  void Reap();

 private:
  void Again();
  void ReapUnclaimed();

  EventLoop& loop_;
  EventLoop::TimerId timer_ = 0;
  pid_t first_ = 0;             // of the ended children, at the last look
  std::map<pid_t, int> looks_;  // at ended children that look like our own
};

}  // namespace assay

#endif  // ASSAY_AGENT_LOOP_STRAY_REAPER_H_
