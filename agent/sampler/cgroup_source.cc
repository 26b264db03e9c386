#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "agent/sampler/cgroup_glob.h"
#include "agent/sampler/container_lookup.h"
#include "agent/sampler/container_selection.h"
#include "agent/sampler/descriptor.h"
#include "agent/sampler/sampled_cgroup.h"
#include "agent/sampler/source.h"
#include "common/clock.h"

namespace assay {
namespace {

constexpr size_t kMaxCgroups = 2'000;
constexpr int64_t kMinDiscoveryNs = 1'000'000'000;
constexpr int64_t kMaxDiscoveryNs = 10'000'000'000;
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
        lookup_(options, sampling),
        wake_(epoll_create1(EPOLL_CLOEXEC)),
        namespaces_(options.proc_root) {
    if (layout_.kind == CgroupLayout::Kind::kNone) {
      spdlog::warn("sampler: no cgroups below {}; the scenario's cgroup patterns match nothing here",
                   options.cgroup_root);
    }
    for (const std::string& pattern : sampling.cgroups()) Add(pattern, options);
    for (const std::string& unit : sampling.units()) AddUnit(unit);
    matched_.assign(globs_.size(), false);
    budget_.left = ReaderDescriptors();
    if (lookup_.WakeFd() >= 0) Watch(lookup_.WakeFd());
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

  int WakeFd() const override { return wake_.get(); }

  // A container that has died is read a last time while its cgroup is still there; one that was started is found.
  void ReadBetween(uint64_t last_tick, Readings& readings) override {
    std::array<epoll_event, kEventsAtOnce> events{};
    const int ready = epoll_wait(wake_.get(), events.data(), kEventsAtOnce, 0);
    std::set<std::string> changed;
    for (int i = 0; i < ready; ++i) {
      const int fd = events.at(static_cast<size_t>(i)).data.fd;
      if (fd == lookup_.WakeFd()) {
        changed.merge(lookup_.TakeChanged());
      } else {
        Died(fd, last_tick, readings);
      }
    }
    if (changed.empty()) return;
    const auto concerns = [&changed](const SampledCgroup& sampled) {
      return sampled.container() && changed.contains(sampled.container()->id);
    };
    for (auto entry = sampled_.begin(); entry != sampled_.end();) {
      const bool ended = concerns(*entry->second) && !ReadOne(last_tick, entry->second, readings);
      entry = ended ? sampled_.erase(entry) : std::next(entry);
    }
    for (const std::string& path : Discover()) {
      if (!ReadOne(last_tick, sampled_.at(path), readings)) sampled_.erase(path);
    }
  }

  int64_t OtherThreadsCpuNs() const override { return lookup_.CpuNs(); }

  void Finish(Sampler::Summary& summary) override {
    for (const std::string& pattern : invalid_) summary.unmatched_cgroups.push_back(pattern);
    for (size_t i = 0; i < globs_.size(); ++i) {
      if (!matched_[i]) summary.unmatched_cgroups.push_back(patterns_[i]);
    }
    for (std::string& entry : lookup_.Unmatched()) summary.unmatched_cgroups.push_back(std::move(entry));
  }

 private:
  // An alias stands for a path on this host, which may be a pattern itself.
  void Add(const std::string& pattern, const SamplerOptions& options) {
    std::string path = pattern;
    if (pattern.starts_with('@')) {
      const auto alias = options.aliases.find(pattern.substr(1));
      const auto named = alias != options.aliases.end() ? alias : options.aliases.find(pattern);
      if (named == options.aliases.end()) {
        spdlog::warn("sampler: this agent knows no cgroup {}; start it with --cgroup {}=PATH", pattern,
                     pattern.substr(1));
        invalid_.push_back(pattern);
        return;
      }
      path = named->second;
    }
    auto glob = CgroupGlob::Parse(path);
    if (!glob.ok()) {
      spdlog::warn("sampler: {}", std::string(glob.status().message()));
      invalid_.push_back(pattern);
      return;
    }
    globs_.push_back(*std::move(glob));
    patterns_.push_back(pattern);
  }

  // Wherever it is in the hierarchy. As systemctl does, a name without a kind is a service's.
  void AddUnit(const std::string& unit) {
    auto glob = CgroupGlob::Parse(fmt::format("/**/{}{}", unit, unit.find('.') == std::string::npos ? ".service" : ""));
    if (!glob.ok()) {
      spdlog::warn("sampler: {}", std::string(glob.status().message()));
      invalid_.push_back("units: " + unit);
      return;
    }
    globs_.push_back(*std::move(glob));
    patterns_.push_back("units: " + unit);
  }

  bool Watch(int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    return epoll_ctl(wake_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
  }

  // The paths that are new.
  std::vector<std::string> Discover() {
    const int64_t begin_ns = MonotonicNs();
    GlobMatches found;
    if (!globs_.empty()) found = ExpandGlobs(globs_, hierarchies_);
    for (size_t i = 0; i < globs_.size(); ++i) matched_[i] = matched_[i] || found.matched[i];
    found.paths.merge(lookup_.Find(hierarchies_));
    for (auto& [path, sampled] : sampled_) OpenMissing(*sampled);
    std::vector<std::string> opened;
    for (const std::string& path : found.paths) {
      if (sampled_.contains(path)) continue;
      if (sampled_.size() >= kMaxCgroups) {
        if (!limit_told_) {
          spdlog::warn("sampler: {} cgroups match, only {} are sampled; narrow sample of the scenario",
                       found.paths.size(), kMaxCgroups);
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
    const int64_t shortest_ns = globs_.empty() && lookup_.HearsOfStarts() ? kMaxDiscoveryNs : kMinDiscoveryNs;
    next_discovery_ns_ = end_ns + std::clamp((end_ns - begin_ns) * kDiscoveryRest, shortest_ns, kMaxDiscoveryNs);
    return opened;
  }

  std::unique_ptr<SampledCgroup> Open(const std::string& path) {
    auto sampled = SampledCgroup::Open(layout_, path, lookup_.Of(path), budget_, namespaces_);
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
  std::vector<CgroupGlob> globs_;
  std::vector<std::string> patterns_;  // as written in the scenario, one per glob
  std::vector<bool> matched_;
  std::vector<std::string> invalid_;  // patterns that cannot match here
  ContainerLookup lookup_;
  Descriptor wake_;  // an epoll of what lookup_ wakes for and of the deaths
  DescriptorBudget budget_;
  NetworkNamespaces namespaces_;
  std::map<std::string, std::unique_ptr<SampledCgroup>> sampled_;  // by path; after what they give back to
  int64_t next_discovery_ns_ = 0;
  bool limit_told_ = false;
  bool exhaustion_told_ = false;
};

}  // namespace

std::unique_ptr<Source> MakeCgroupSource(const SamplerOptions& options, const v1::Sampling& sampling) {
  if (sampling.cgroups().empty() && sampling.units().empty() && ContainerSelection(sampling).empty()) return nullptr;
  return std::make_unique<CgroupSource>(options, sampling);
}

}  // namespace assay
