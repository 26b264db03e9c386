#include "agent/sampler/cgroup_patterns.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <utility>

namespace assay {

CgroupPatterns::CgroupPatterns(const v1::Sampling& sampling, const std::map<std::string, std::string>& aliases) {
  for (const std::string& pattern : sampling.cgroups()) AddCgroup(pattern, aliases);
  for (const std::string& unit : sampling.units()) AddUnit(unit);
  matched_.assign(globs_.size(), false);
}

void CgroupPatterns::AddCgroup(const std::string& pattern, const std::map<std::string, std::string>& aliases) {
  if (!pattern.starts_with('@')) return Add(pattern, pattern);
  const auto alias = aliases.find(pattern.substr(1));
  const auto named = alias != aliases.end() ? alias : aliases.find(pattern);
  if (named != aliases.end()) return Add(pattern, named->second);
  spdlog::warn("sampler: this agent knows no cgroup {}; start it with --cgroup {}=PATH", pattern, pattern.substr(1));
  invalid_.push_back(pattern);
}

// Wherever it is in the hierarchy. As systemctl does, a name without a kind is a service's.
void CgroupPatterns::AddUnit(const std::string& unit) {
  Add("units: " + unit, fmt::format("/**/{}{}", unit, unit.find('.') == std::string::npos ? ".service" : ""));
}

void CgroupPatterns::Add(const std::string& entry, const std::string& pattern) {
  auto glob = CgroupGlob::Parse(pattern);
  if (!glob.ok()) {
    spdlog::warn("sampler: {}", std::string(glob.status().message()));
    invalid_.push_back(entry);
    return;
  }
  globs_.push_back(*std::move(glob));
  entries_.push_back(entry);
}

std::set<std::string> CgroupPatterns::Find(const std::vector<std::string>& hierarchies) {
  if (globs_.empty()) return {};
  GlobMatches found = ExpandGlobs(globs_, hierarchies);
  for (size_t i = 0; i < globs_.size(); ++i) matched_[i] = matched_[i] || found.matched[i];
  return std::move(found.paths);
}

std::vector<std::string> CgroupPatterns::Unmatched() const {
  std::vector<std::string> unmatched = invalid_;
  for (size_t i = 0; i < globs_.size(); ++i) {
    if (!matched_[i]) unmatched.push_back(entries_[i]);
  }
  return unmatched;
}

}  // namespace assay
