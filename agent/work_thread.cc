#include "agent/work_thread.h"

#include <pthread.h>

#include <chrono>
#include <optional>
#include <utility>

namespace assay {

WorkThread::WorkThread(const char* name)
    : thread_([this] {
        while (!stopping_) {
          const std::optional<std::function<void()>> task = tasks_.Pop(std::chrono::hours(1));
          if (task && !stopping_) (*task)();
          if (!task && tasks_.Closed()) return;
        }
      }) {
  pthread_setname_np(thread_.native_handle(), name);
}

WorkThread::~WorkThread() { Stop(); }

void WorkThread::Post(std::function<void()> task) { tasks_.Push(std::move(task)); }

void WorkThread::Stop() {
  stopping_ = true;
  tasks_.Close();
  if (thread_.joinable()) thread_.join();
}

}  // namespace assay
