#include "agent/sampler/containers/container_lookup.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <utility>

#include "agent/cgroups/cgroup_glob.h"

namespace assay {
namespace {

bool AsksEngine(const v1::Sampling& sampling) {
  return !sampling.containers().empty() || !sampling.compose().empty() || !sampling.labels().empty();
}

}  // namespace

ContainerLookup::ContainerLookup(const ContainerSources& sources, const v1::Sampling& sampling)
    : selection_(sampling),
      has_pods_(!sampling.pods().empty()),
      host_(sources.docker_root, sources.podman_root, sources.log_root) {
  if (!AsksEngine(sampling)) return;
  watch_ = std::make_unique<ContainerWatch>(sampling.socket().empty() ? sources.engine_socket : sampling.socket());
  engine_state_ = watch_->Start(sources.engine_patience_ns);
  if (!engine_state_.ok()) {
    spdlog::warn("sampler: {}; containers are named by what files of this host tell",
                 std::string(engine_state_.message()));
  }
  TakeChanged();
}

std::set<std::string> ContainerLookup::TakeChanged() {
  if (watch_ == nullptr) return {};
  ContainerWatch::News news = watch_->Take();
  running_ = std::move(news.running);
  engine_state_ = std::move(news.state);
  return std::move(news.changed);
}

std::set<std::string> ContainerLookup::Find(const std::vector<std::string>& hierarchies) {
  std::set<std::string> paths;
  host_.Refresh();
  if (selection_.empty()) return paths;
  static const auto& everything = *new std::vector<CgroupGlob>{*CgroupGlob::Parse("/**")};
  bool any = false;
  for (const std::string& hierarchy : hierarchies) {
    for (const std::string& path : ExpandGlobs(everything, {hierarchy}).paths) {
      const auto parsed = ContainerPath::Parse(path);
      if (!parsed) continue;
      any = true;
      if (running_->contains(parsed->id)) {
        const size_t id = path.rfind(parsed->id);
        example_ = {path.substr(0, id), path.substr(id + parsed->id.size())};
      }
      if (selection_.Chooses(Describe(*parsed))) paths.insert(path);
    }
    // An engine makes the same cgroup in every hierarchy.
    if (any) break;
  }
  return paths;
}

std::optional<Container> ContainerLookup::Of(std::string_view cgroup) {
  const auto path = ContainerPath::Parse(cgroup);
  if (!path) return std::nullopt;
  Container container = Describe(*path);
  selection_.Matches(container);
  return container;
}

std::vector<std::string> ContainerLookup::Guess(const std::set<std::string>& ids) const {
  std::vector<std::string> paths;
  for (const std::string& id : ids) {
    const auto told = running_->find(id);
    if (told == running_->end() || !selection_.Chooses(told->second)) continue;
    paths.push_back(example_ ? example_->first + id + example_->second : "");
  }
  return paths;
}

Container ContainerLookup::Describe(const ContainerPath& path) {
  const auto told = running_->find(path.id);
  if (told == running_->end()) return host_.Find(path);
  Container container = told->second;
  if (container.name.empty()) container.name = NameOfId(container.id);
  return container;
}

std::vector<std::string> ContainerLookup::Unmatched() const {
  std::vector<std::string> unmatched = selection_.Unmatched();
  if (watch_ == nullptr || engine_state_.ok()) return unmatched;
  for (std::string& entry : unmatched) {
    if (!entry.starts_with("pods: ")) entry += fmt::format("; {}", std::string(engine_state_.message()));
  }
  return unmatched;
}

}  // namespace assay
