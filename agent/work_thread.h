#ifndef ASSAY_AGENT_WORK_THREAD_H_
#define ASSAY_AGENT_WORK_THREAD_H_

#include <atomic>
#include <functional>
#include <thread>

#include "common/bounded_queue.h"

namespace assay {

// A thread for what would block the event loop: posix_spawn on one, the disk on another. Runs one task after the other.
class WorkThread {
 public:
  explicit WorkThread(const char* name);  // at most 15 letters, for ps and perf
  ~WorkThread();                          // Stop

  // Any thread. After Stop the task is dropped.
  void Post(std::function<void()> task);
  // Lets the running task end and drops those that have not begun.
  void Stop();

 private:
  // More than may ever wait: tasks are bounded by the slots of the shares. Were it met, the loop would wait here.
  static constexpr size_t kCapacity = 1 << 20;
  BoundedQueue<std::function<void()>> tasks_{kCapacity};
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace assay

#endif  // ASSAY_AGENT_WORK_THREAD_H_
