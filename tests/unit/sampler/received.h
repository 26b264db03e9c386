#ifndef ASSAY_TESTS_UNIT_SAMPLER_RECEIVED_H_
#define ASSAY_TESTS_UNIT_SAMPLER_RECEIVED_H_

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "agent/sampler/sampler.h"

namespace assay {

// Keeps what a sampler delivers, and lets the test wait for it.
class Received {
 public:
  Sampler::Sink Sink() {
    return [this](Readings&& readings) {
      std::unique_lock lock(mutex_);
      for (auto& sample : readings.cgroups) cgroups.push_back(std::move(sample));
      for (auto& sample : readings.hosts) hosts.push_back(std::move(sample));
      for (auto& one : readings.series) series.push_back(std::move(one));
      changed_.notify_all();
      changed_.wait(lock, [this] { return !blocked_; });
    };
  }
  // Until `condition` holds, checked after each delivery; a generous limit ends a test that would hang.
  bool Wait(const std::function<bool()>& condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(60), condition);
  }
  void Block(bool blocked) {
    const std::lock_guard lock(mutex_);
    blocked_ = blocked;
    changed_.notify_all();
  }

  std::vector<v1::CgroupSample> cgroups;  // within Wait's condition, and after Stop
  std::vector<v1::HostSample> hosts;
  std::vector<v1::CgroupSeries> series;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool blocked_ = false;
};

}  // namespace assay

#endif  // ASSAY_TESTS_UNIT_SAMPLER_RECEIVED_H_
