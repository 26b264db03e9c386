#ifndef ASSAY_AGENT_STRAY_REAPER_H_
#define ASSAY_AGENT_STRAY_REAPER_H_

#include <cstddef>

#include "agent/event_loop.h"

namespace assay {

// Makes this process the parent of what triggers and hooks leave behind, and reaps those orphans when they end. A
// container's first process gets them anyway, and on a host without it they would go to an init that may not reap.
// Loop's thread only.
class StrayReaper {
 public:
  explicit StrayReaper(EventLoop& loop);
  ~StrayReaper();

  // Reaps the orphans that have ended, and never a process that someone here waits for. How many they were.
  static size_t Reap();

 private:
  void Again();

  EventLoop& loop_;
  EventLoop::TimerId timer_ = 0;
};

}  // namespace assay

#endif  // ASSAY_AGENT_STRAY_REAPER_H_
