#include "agent/sampler/containers/container_selection.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fnmatch.h>

#include <algorithm>
#include <string_view>

namespace assay {
namespace {

constexpr size_t kShortestId = 12;

bool Glob(const std::string& glob, const std::string& name) {
  return !name.empty() && (glob == name || fnmatch(glob.c_str(), name.c_str(), FNM_NOESCAPE | FNM_PATHNAME) == 0);
}

// "first/second", or one of the two alone.
bool GlobPair(const std::string& glob, const std::string& first, const std::string& second, const std::string& alone) {
  if (glob.find('/') == std::string::npos) return Glob(glob, alone);
  return !first.empty() && !second.empty() && Glob(glob, fmt::format("{}/{}", first, second));
}

}  // namespace

ContainerSelection::ContainerSelection(const v1::Sampling& sampling)
    : labels_(sampling.labels().begin(), sampling.labels().end()) {
  for (const std::string& name : sampling.containers()) entries_.push_back({Kind::kName, name});
  for (const std::string& project : sampling.compose()) entries_.push_back({Kind::kCompose, project});
  for (const std::string& pod : sampling.pods()) entries_.push_back({Kind::kPod, pod});
}

bool ContainerSelection::MatchesEntry(const Entry& entry, const Container& container) {
  switch (entry.kind) {
    case Kind::kName:
      return Glob(entry.glob, container.name) ||
             (entry.glob.size() >= kShortestId && container.id.starts_with(entry.glob));
    case Kind::kCompose: {
      const std::string project = LabelOf(container.labels, "com.docker.compose.project");
      return GlobPair(entry.glob, project, LabelOf(container.labels, "com.docker.compose.service"), project);
    }
    case Kind::kPod:
      return GlobPair(entry.glob, container.pod_namespace, container.pod, container.pod);
  }
  return false;
}

bool ContainerSelection::IsLabelled(const Container& container) const {
  return !labels_.empty() && std::all_of(labels_.begin(), labels_.end(), [&](const auto& label) {
    const auto found = container.labels.find(label.first);
    return found != container.labels.end() && found->second == label.second;
  });
}

bool ContainerSelection::Chooses(const Container& container) const {
  return IsLabelled(container) || std::any_of(entries_.begin(), entries_.end(),
                                              [&](const Entry& entry) { return MatchesEntry(entry, container); });
}

bool ContainerSelection::Matches(const Container& container) {
  bool matches = IsLabelled(container);
  labels_matched_ |= matches;
  for (Entry& entry : entries_) {
    if (!MatchesEntry(entry, container)) continue;
    entry.matched = true;
    matches = true;
  }
  return matches;
}

std::vector<std::string> ContainerSelection::Unmatched() const {
  std::vector<std::string> unmatched;
  for (const Entry& entry : entries_) {
    if (entry.matched) continue;
    const std::string_view key = entry.kind == Kind::kName  ? "containers"
                                 : entry.kind == Kind::kPod ? "pods"
                                                            : "compose";
    unmatched.push_back(fmt::format("{}: {}", key, entry.glob));
  }
  if (!labels_.empty() && !labels_matched_) {
    std::vector<std::string> pairs;
    pairs.reserve(labels_.size());
    for (const auto& [key, value] : labels_) pairs.push_back(fmt::format("{}: {}", key, value));
    unmatched.push_back(fmt::format("labels: {{{}}}", fmt::join(pairs, ", ")));
  }
  return unmatched;
}

}  // namespace assay
