#ifndef ASSAY_AGENT_LOOP_WORK_THREADS_H_
#define ASSAY_AGENT_LOOP_WORK_THREADS_H_

#include <atomic>
#include <cstddef>
#include <functional>
#include <thread>
#include <vector>

#include "common/bounded_queue.h"

namespace assay {

// Threads for what would block the event loop: posix_spawn on some, the disk on another. With one thread, one task runs
// after the other in the order of Post; with more, a task may begin before an earlier one has ended.
class WorkThreads {
 public:
  struct Options {
    const char* name;  // at most 15 letters, for ps and perf
    size_t threads = 1;
    bool ahead_of_triggers = false;         // see priority.h
    std::function<void()> begin = nullptr;  // on each of them, before its first task
  };
  explicit WorkThreads(const Options& options);
  ~WorkThreads();  // Stop

  // Any thread. After Stop the task is dropped.
  void Post(std::function<void()> task);
  // Lets the running tasks end and drops those that have not begun.
  void Stop();

 private:
  void Work();

  // More than may ever wait: tasks are bounded by the slots of the shares. Were it met, the loop would wait here.
  static constexpr size_t kCapacity = 1 << 20;
  BoundedQueue<std::function<void()>> tasks_{kCapacity};
  std::atomic<bool> stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace assay

#endif  // ASSAY_AGENT_LOOP_WORK_THREADS_H_
