#include "agent/loop/work_threads.h"

#include <pthread.h>

#include <chrono>
#include <optional>
#include <utility>

#include "agent/loop/priority.h"

namespace assay {

WorkThreads::WorkThreads(const Options& options) {
  threads_.reserve(options.threads);
  for (size_t i = 0; i < options.threads; ++i) {
    threads_.emplace_back([this, ahead = options.ahead_of_triggers, begin = options.begin] {
      if (ahead) RunAheadOfTriggers();
      if (begin) begin();
      Work();
    });
    pthread_setname_np(threads_.back().native_handle(), options.name);
  }
}

WorkThreads::~WorkThreads() { Stop(); }

void WorkThreads::Work() {
  while (!stopping_) {
    const std::optional<std::function<void()>> task = tasks_.Pop(std::chrono::hours(1));
    if (task && !stopping_) (*task)();
    if (!task && tasks_.Closed()) return;
  }
}

void WorkThreads::Post(std::function<void()> task) { tasks_.Push(std::move(task)); }

void WorkThreads::Stop() {
  stopping_ = true;
  tasks_.Close();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

}  // namespace assay
