#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "agent/sampler/cgroup_patterns.h"
#include "agent/sampler/containers/container_lookup.h"
#include "agent/sampler/containers/container_selection.h"
#include "agent/sampler/sampled_cgroup.h"
#include "agent/sampler/source.h"
#include "common/clock.h"
#include "common/descriptor.h"

namespace assay {
namespace {

constexpr size_t kMaxCgroups = 2'000;
constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kMinDiscoveryNs = kSecond;
constexpr int64_t kMaxDiscoveryNs = 10 * kSecond;
// A walk of the trees costs at most this part of a core, whatever their size: the next one waits so many times its
// length.
constexpr int64_t kDiscoveryRest = 500;
constexpr int kEventsAtOnce = 64;

// Readers get a quarter of what this process may open; triggers need the most of it.
int ReaderDescriptors() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  return static_cast<int>(std::min<rlim_t>(limit.rlim_cur, 1'000'000) / 4);
}

// The cgroups that the scenario's patterns match and those of the containers that it names, from their appearance to
// their end.
class CgroupSource : public Source {
 public:
  CgroupSource(const SamplerOptions& options, const v1::Sampling& sampling)
      : layout_(DetectCgroupLayout(options.cgroup_root)),
        hierarchies_(layout_.Hierarchies()),
        devices_(options.sys_root),
        patterns_(sampling, options.aliases),
        lookup_(options, sampling),
        run_cgroup_(options.run_cgroup),
        wake_(epoll_create1(EPOLL_CLOEXEC)),
        alarm_(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)),
        namespaces_(options.proc_root) {
    if (layout_.kind == CgroupLayout::Kind::kNone) {
      spdlog::warn("sampler: no cgroups below {}; the scenario's cgroup patterns match nothing here",
                   options.cgroup_root);
    }
    budget_.left = ReaderDescriptors();
    if (lookup_.WakeFd() >= 0) Watch(lookup_.WakeFd());
    if (alarm_.ok()) Watch(alarm_.get());
  }

  void Read(uint64_t tick, Readings& readings) override {
    if (MonotonicNs() >= next_discovery_ns_) Discover();
    readings.cgroups.reserve(readings.cgroups.size() + sampled_.size());
    for (auto entry = sampled_.begin(); entry != sampled_.end();) {
      if (ReadOne(tick, entry->second, readings)) {
        ++entry;
      } else {
        entry = sampled_.erase(entry);
      }
    }
  }

  void BeforeLastRead() override {
    for (auto& [path, sampled] : sampled_) sampled->AskAll();
  }

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
        Died(fd, last_tick, readings);
      }
    }
    if (changed.empty() && !walk) return;
    const auto concerns = [&changed](const SampledCgroup& sampled) {
      return sampled.container() && changed.contains(sampled.container()->id);
    };
    for (auto entry = sampled_.begin(); entry != sampled_.end();) {
      const bool concerned = concerns(*entry->second);
      if (concerned) entry->second->AskAll();
      const bool ended = concerned && !ReadOne(last_tick, entry->second, readings);
      entry = ended ? sampled_.erase(entry) : std::next(entry);
    }
    std::vector<std::string> opened;
    for (const std::string& path : lookup_.Guess(changed)) {
      if (sampled_.contains(path)) continue;
      auto sampled = path.empty() || sampled_.size() >= kMaxCgroups ? nullptr : Open(path);
      walk |= sampled == nullptr;
      if (sampled == nullptr) continue;
      sampled_.emplace(path, std::move(sampled));
      opened.push_back(path);
    }
    if (walk && MonotonicNs() < rested_ns_) {
      const itimerspec rested{{}, {rested_ns_ / kSecond, rested_ns_ % kSecond}};
      timerfd_settime(alarm_.get(), TFD_TIMER_ABSTIME, &rested, nullptr);
    } else if (walk) {
      for (std::string& path : Discover()) opened.push_back(std::move(path));
    }
    for (const std::string& path : opened) {
      if (!ReadOne(last_tick, sampled_.at(path), readings)) sampled_.erase(path);
    }
  }

  int64_t OtherThreadsCpuNs() const override { return lookup_.CpuNs(); }

  void Finish(Sampler::Summary& summary) override {
    summary.unmatched_cgroups = patterns_.Unmatched();
    for (std::string& entry : lookup_.Unmatched()) summary.unmatched_cgroups.push_back(std::move(entry));
  }

 private:
  bool Watch(int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    return epoll_ctl(wake_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
  }

  // The paths that are new.
  std::vector<std::string> Discover() {
    const int64_t begin_ns = MonotonicNs();
    std::set<std::string> found = patterns_.Find(hierarchies_);
    found.merge(lookup_.Find(hierarchies_));
    if (!run_cgroup_.empty()) found.insert(kRunCgroup);
    for (auto& [path, sampled] : sampled_) OpenMissing(*sampled);
    std::vector<std::string> opened;
    for (const std::string& path : found) {
      if (sampled_.contains(path)) continue;
      if (sampled_.size() >= kMaxCgroups) {
        if (!limit_told_) {
          spdlog::warn("sampler: {} cgroups match, only {} are sampled; narrow sample of the scenario", found.size(),
                       kMaxCgroups);
        }
        limit_told_ = true;
        break;
      }
      // One that is gone again since the walk is no news.
      if (auto sampled = Open(path)) {
        sampled_.emplace(path, std::move(sampled));
        opened.push_back(path);
      }
    }
    const int64_t end_ns = MonotonicNs();
    rested_ns_ = end_ns + std::min((end_ns - begin_ns) * kDiscoveryRest, kMaxDiscoveryNs);
    const int64_t shortest_ns = patterns_.empty() && lookup_.HearsOfStarts() ? kMaxDiscoveryNs : kMinDiscoveryNs;
    next_discovery_ns_ = end_ns + std::clamp((end_ns - begin_ns) * kDiscoveryRest, shortest_ns, kMaxDiscoveryNs);
    return opened;
  }

  std::unique_ptr<SampledCgroup> Open(const std::string& path) {
    auto sampled = path == kRunCgroup ? SampledCgroup::OpenRun(layout_, run_cgroup_, budget_, namespaces_)
                                      : SampledCgroup::Open(layout_, path, lookup_.Of(path), budget_, namespaces_);
    if (absl::IsResourceExhausted(sampled.status())) TellExhausted();
    if (!sampled.ok()) return nullptr;
    if ((*sampled)->death_fd() >= 0) Watch((*sampled)->death_fd());
    return *std::move(sampled);
  }

  void OpenMissing(SampledCgroup& sampled) {
    const bool watched = sampled.death_fd() >= 0;
    sampled.OpenMissing();
    if (!watched && sampled.death_fd() >= 0) Watch(sampled.death_fd());
  }

  void Died(int death_fd, uint64_t last_tick, Readings& readings) {
    const auto dead = std::find_if(sampled_.begin(), sampled_.end(),
                                   [&](const auto& entry) { return entry.second->death_fd() == death_fd; });
    if (dead == sampled_.end()) return;
    epoll_ctl(wake_.get(), EPOLL_CTL_DEL, death_fd, nullptr);
    dead->second->ForgetDeath();
    dead->second->AskAll();
    if (!ReadOne(last_tick, dead->second, readings)) sampled_.erase(dead);
  }

  // False: this cgroup's series is at its end.
  bool ReadOne(uint64_t tick, std::unique_ptr<SampledCgroup>& sampled, Readings& readings) {
    v1::CgroupSample sample;
    auto result = sampled->Read(buffer_, devices_, sample);
    if (result == CgroupReader::Result::kRecreated) {
      // A restarted container: its new series begins in this very tick.
      const std::string path = sampled->path();
      sampled.reset();
      sampled = Open(path);
      if (sampled == nullptr) return false;
      result = sampled->Read(buffer_, devices_, sample);
    }
    if (result == CgroupReader::Result::kNoDescriptors) {
      TellExhausted();
      return true;
    }
    if (result != CgroupReader::Result::kRead) return false;
    sample.set_tick(tick);
    readings.cgroups.push_back(std::move(sample));
    if (sampled->IsNew()) OpenMissing(*sampled);
    if (auto series = sampled->Tell()) readings.series.push_back(*std::move(series));
    return true;
  }

  void TellExhausted() {
    if (!exhaustion_told_)
      spdlog::warn("sampler: out of file descriptors, cgroups are left out; raise the limit (ulimit -n)");
    exhaustion_told_ = true;
  }

  const CgroupLayout layout_;
  const std::vector<std::string> hierarchies_;
  BlockDevices devices_;
  TextBuffer buffer_;
  CgroupPatterns patterns_;
  ContainerLookup lookup_;
  const std::map<std::string, std::string> run_cgroup_;
  Descriptor wake_;   // an epoll of what lookup_ wakes for, of the deaths and of alarm_
  Descriptor alarm_;  // for a walk that had to wait
  DescriptorBudget budget_;
  NetworkNamespaces namespaces_;
  std::map<std::string, std::unique_ptr<SampledCgroup>> sampled_;  // by path; after what they give back to
  int64_t next_discovery_ns_ = 0;
  int64_t rested_ns_ = 0;  // not before, whatever happens
  bool limit_told_ = false;
  bool exhaustion_told_ = false;
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
