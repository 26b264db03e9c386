#include "agent/sampler/sampled_cgroups.h"

#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace assay {
namespace {

// Readers get a quarter of what this process may open; triggers need the most of it.
int ReaderDescriptors() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  return static_cast<int>(std::min<rlim_t>(limit.rlim_cur, 1'000'000) / 4);
}

}  // namespace

SampledCgroups::SampledCgroups(const SamplerOptions& options, CgroupLayout layout, ContainerOf container_of, int wake)
    : layout_(std::move(layout)),
      run_cgroup_(options.run_cgroup),
      container_of_(std::move(container_of)),
      wake_(wake),
      devices_(options.sys_root),
      budget_{ReaderDescriptors()},
      namespaces_(options.proc_root) {}

bool SampledCgroups::Open(const std::string& path) {
  Sampled sampled = MakeSampled(path);
  if (sampled == nullptr) return false;
  sampled_.emplace(path, std::move(sampled));
  return true;
}

void SampledCgroups::OpenMissing() {
  for (auto& [path, sampled] : sampled_) OpenMissing(*sampled);
}

void SampledCgroups::ReadAll(uint64_t tick, Readings& readings) {
  readings.cgroups.reserve(readings.cgroups.size() + sampled_.size());
  ReadChosen([](const SampledCgroup&) { return true; }, tick, readings);
}

void SampledCgroups::ReadOne(const std::string& path, uint64_t tick, Readings& readings) {
  if (!Read(tick, sampled_.at(path), readings)) sampled_.erase(path);
}

void SampledCgroups::ReadConcerned(absl::FunctionRef<bool(const Container&)> concerns, uint64_t tick,
                                   Readings& readings) {
  const auto choose = [&](SampledCgroup& sampled) {
    const bool concerned = sampled.container() && concerns(*sampled.container());
    if (concerned) sampled.AskAll();
    return concerned;
  };
  ReadChosen(choose, tick, readings);
}

void SampledCgroups::ReadDead(int death_fd, uint64_t tick, Readings& readings) {
  const auto dead = std::find_if(sampled_.begin(), sampled_.end(),
                                 [&](const auto& entry) { return entry.second->death_fd() == death_fd; });
  if (dead == sampled_.end()) return;
  epoll_ctl(wake_, EPOLL_CTL_DEL, death_fd, nullptr);
  dead->second->ForgetDeath();
  dead->second->AskAll();
  if (!Read(tick, dead->second, readings)) sampled_.erase(dead);
}

void SampledCgroups::AskAll() {
  for (auto& [path, sampled] : sampled_) sampled->AskAll();
}

SampledCgroups::Sampled SampledCgroups::MakeSampled(const std::string& path) {
  auto sampled = path == kRunCgroup ? SampledCgroup::OpenRun(layout_, run_cgroup_, budget_, namespaces_)
                                    : SampledCgroup::Open(layout_, path, container_of_(path), budget_, namespaces_);
  if (absl::IsResourceExhausted(sampled.status())) TellExhausted();
  if (!sampled.ok()) return nullptr;
  Watch(**sampled);
  return *std::move(sampled);
}

void SampledCgroups::OpenMissing(SampledCgroup& sampled) {
  const bool watched = sampled.death_fd() >= 0;
  sampled.OpenMissing();
  if (!watched) Watch(sampled);
}

void SampledCgroups::Watch(const SampledCgroup& sampled) const {
  if (sampled.death_fd() < 0) return;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = sampled.death_fd();
  epoll_ctl(wake_, EPOLL_CTL_ADD, sampled.death_fd(), &event);
}

void SampledCgroups::ReadChosen(absl::FunctionRef<bool(SampledCgroup&)> choose, uint64_t tick, Readings& readings) {
  for (auto entry = sampled_.begin(); entry != sampled_.end();) {
    const bool ended = choose(*entry->second) && !Read(tick, entry->second, readings);
    entry = ended ? sampled_.erase(entry) : std::next(entry);
  }
}

bool SampledCgroups::Read(uint64_t tick, Sampled& sampled, Readings& readings) {
  v1::CgroupSample sample;
  auto result = sampled->Read(buffer_, devices_, sample);
  if (result == CgroupReader::Result::kRecreated) {
    // A restarted container: its new series begins in this very tick.
    const std::string path = sampled->path();
    sampled.reset();
    sampled = MakeSampled(path);
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

void SampledCgroups::TellExhausted() {
  if (!exhaustion_told_)
    spdlog::warn("sampler: out of file descriptors, cgroups are left out; raise the limit (ulimit -n)");
  exhaustion_told_ = true;
}

}  // namespace assay
