#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "agent/sampler/cgroup_patterns.h"
#include "agent/sampler/containers/container_lookup.h"
#include "agent/sampler/containers/container_selection.h"
#include "agent/sampler/sampled_cgroups.h"
#include "agent/sampler/source.h"
#include "common/clock.h"
#include "common/descriptor.h"
#include "common/nanoseconds.h"

namespace assay {
namespace {
constexpr int64_t kMinDiscoveryNs = kSecond;
constexpr int64_t kMaxDiscoveryNs = 10 * kSecond;
// A walk of the trees costs at most this part of a core, whatever their size: the next one waits so many times its
// length.
constexpr int64_t kDiscoveryRest = 500;
constexpr int kEventsAtOnce = 64;

// Finds the cgroups that the scenario's patterns match and those of the containers that it names: by walks, and by what
// a container engine tells.
class CgroupSource : public Source {
 public:
  CgroupSource(const SamplerOptions& options, const v1::Sampling& sampling)
      : layout_(DetectCgroupLayout(options.cgroup_root)),
        hierarchies_(layout_.Hierarchies()),
        patterns_(sampling, options.aliases),
        lookup_(options, sampling),
        has_run_cgroup_(!options.run_cgroup.empty()),
        wake_(epoll_create1(EPOLL_CLOEXEC)),
        alarm_(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)),
        sampled_(
            options, layout_, [this](const std::string& path) { return lookup_.Of(path); }, wake_.get()) {
    if (layout_.kind == CgroupLayout::Kind::kNone) {
      spdlog::warn("sampler: no cgroups below {}; the scenario's cgroup patterns match nothing here",
                   options.cgroup_root);
    }
    if (lookup_.WakeFd() >= 0) Watch(lookup_.WakeFd());
    if (alarm_.ok()) Watch(alarm_.get());
  }

  void Read(uint64_t tick, Readings& readings) override {
    if (MonotonicNs() >= next_discovery_ns_) Discover();
    sampled_.ReadAll(tick, readings);
  }

  void BeforeLastRead() override { sampled_.AskAll(); }

  int WakeFd() const override { return wake_.get(); }

  // A container that has died is read a last time while its cgroup is still there; one that was started is found.
  void ReadBetween(uint64_t last_tick, Readings& readings) override {
    std::array<epoll_event, kEventsAtOnce> events{};
    const int ready = epoll_wait(wake_.get(), events.data(), kEventsAtOnce, 0);
    std::set<std::string> changed;
    bool walk = false;
    for (int i = 0; i < ready; ++i) {
      const int fd = events.at(static_cast<size_t>(i)).data.fd;
      if (fd == lookup_.WakeFd()) {
        changed.merge(lookup_.TakeChanged());
      } else if (fd == alarm_.get()) {
        uint64_t times = 0;
        walk = read(fd, &times, sizeof(times)) > 0;
      } else {
        sampled_.ReadDead(fd, last_tick, readings);
      }
    }
    if (changed.empty() && !walk) return;
    sampled_.ReadConcerned([&changed](const Container& container) { return changed.contains(container.id); }, last_tick,
                           readings);
    std::vector<std::string> opened;
    for (const std::string& path : lookup_.Guess(changed)) {
      if (sampled_.contains(path)) continue;
      if (!path.empty() && !sampled_.full() && sampled_.Open(path)) {
        opened.push_back(path);
      } else {
        walk = true;
      }
    }
    if (walk && MonotonicNs() < rested_ns_) {
      const itimerspec rested{{}, {rested_ns_ / kSecond, rested_ns_ % kSecond}};
      timerfd_settime(alarm_.get(), TFD_TIMER_ABSTIME, &rested, nullptr);
    } else if (walk) {
      for (std::string& path : Discover()) opened.push_back(std::move(path));
    }
    for (const std::string& path : opened) sampled_.ReadOne(path, last_tick, readings);
  }

  int64_t OtherThreadsCpuNs() const override { return lookup_.CpuNs(); }

  void Finish(Sampler::Summary& summary) override {
    summary.unmatched_cgroups = patterns_.Unmatched();
    for (std::string& entry : lookup_.Unmatched()) summary.unmatched_cgroups.push_back(std::move(entry));
  }

 private:
  void Watch(int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    epoll_ctl(wake_.get(), EPOLL_CTL_ADD, fd, &event);
  }

  // The paths that are new.
  std::vector<std::string> Discover() {
    const int64_t begin_ns = MonotonicNs();
    std::set<std::string> found = patterns_.Find(hierarchies_);
    found.merge(lookup_.Find(hierarchies_));
    if (has_run_cgroup_) found.insert(kRunCgroup);
    sampled_.OpenMissing();
    std::vector<std::string> opened;
    for (const std::string& path : found) {
      if (sampled_.contains(path)) continue;
      if (sampled_.full()) {
        if (!limit_told_) {
          spdlog::warn("sampler: {} cgroups match, only {} are sampled; narrow sample of the scenario", found.size(),
                       SampledCgroups::kMost);
        }
        limit_told_ = true;
        break;
      }
      // One that is gone again since the walk is no news.
      if (sampled_.Open(path)) opened.push_back(path);
    }
    const int64_t end_ns = MonotonicNs();
    rested_ns_ = end_ns + std::min((end_ns - begin_ns) * kDiscoveryRest, kMaxDiscoveryNs);
    const int64_t shortest_ns = patterns_.empty() && lookup_.HearsOfStarts() ? kMaxDiscoveryNs : kMinDiscoveryNs;
    next_discovery_ns_ = end_ns + std::clamp((end_ns - begin_ns) * kDiscoveryRest, shortest_ns, kMaxDiscoveryNs);
    return opened;
  }

  const CgroupLayout layout_;
  const std::vector<std::string> hierarchies_;
  CgroupPatterns patterns_;
  ContainerLookup lookup_;
  const bool has_run_cgroup_;
  Descriptor wake_;   // an epoll of what lookup_ wakes for, of deaths and of alarm_
  Descriptor alarm_;  // for a walk that had to wait
  SampledCgroups sampled_;
  int64_t next_discovery_ns_ = 0;
  int64_t rested_ns_ = 0;  // not before, whatever happens
  bool limit_told_ = false;
};

}  // namespace

std::unique_ptr<Source> MakeCgroupSource(const SamplerOptions& options, const v1::Sampling& sampling) {
  if (sampling.cgroups().empty() && sampling.units().empty() && ContainerSelection(sampling).empty() &&
      options.run_cgroup.empty()) {
    return nullptr;
  }
  return std::make_unique<CgroupSource>(options, sampling);
}

}  // namespace assay
