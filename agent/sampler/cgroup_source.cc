#include <fmt/ranges.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <algorithm>
#include <map>
#include <memory>

#include "agent/sampler/cgroup_glob.h"
#include "agent/sampler/cgroup_reader.h"
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

// Readers get a quarter of what this process may open; triggers need the most of it.
int ReaderDescriptors() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  return static_cast<int>(std::min<rlim_t>(limit.rlim_cur, 1'000'000) / 4);
}

// The cgroups that the scenario's patterns match, from their appearance to their end.
class CgroupSource : public Source {
 public:
  CgroupSource(const SamplerOptions& options, const v1::Sampling& sampling)
      : layout_(DetectCgroupLayout(options.cgroup_root)),
        hierarchies_(layout_.Hierarchies()),
        devices_(options.sys_root) {
    if (layout_.kind == CgroupLayout::Kind::kNone) {
      spdlog::warn("sampler: no cgroups below {}; the scenario's cgroup patterns match nothing here",
                   options.cgroup_root);
    }
    for (const std::string& pattern : sampling.cgroups()) Add(pattern, options);
    matched_.assign(globs_.size(), false);
    budget_.left = ReaderDescriptors();
  }

  void Read(uint64_t tick, Readings& readings) override {
    if (MonotonicNs() >= next_discovery_ns_) Discover();
    readings.cgroups.reserve(readings.cgroups.size() + readers_.size());
    for (auto entry = readers_.begin(); entry != readers_.end();) {
      if (ReadOne(tick, entry->second, readings)) {
        ++entry;
      } else {
        entry = readers_.erase(entry);
      }
    }
  }

  void Finish(Sampler::Summary& summary) override {
    for (const std::string& pattern : invalid_) summary.unmatched_cgroups.push_back(pattern);
    for (size_t i = 0; i < globs_.size(); ++i) {
      if (!matched_[i]) summary.unmatched_cgroups.push_back(patterns_[i]);
    }
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

  void Discover() {
    const int64_t begin_ns = MonotonicNs();
    const GlobMatches found = ExpandGlobs(globs_, hierarchies_);
    for (size_t i = 0; i < globs_.size(); ++i) matched_[i] = matched_[i] || found.matched[i];
    for (auto& [path, reader] : readers_) reader->OpenMissing();
    for (const std::string& path : found.paths) {
      if (readers_.contains(path)) continue;
      if (readers_.size() >= kMaxCgroups) {
        if (!limit_told_) {
          spdlog::warn("sampler: {} cgroups match, only {} are sampled; narrow the patterns {}", found.paths.size(),
                       kMaxCgroups, fmt::join(patterns_, " "));
        }
        limit_told_ = true;
        break;
      }
      // One that is gone again since the walk is no news.
      auto reader = CgroupReader::Open(layout_, path, budget_);
      if (absl::IsResourceExhausted(reader.status())) TellExhausted();
      if (reader.ok()) readers_.emplace(path, *std::move(reader));
    }
    const int64_t end_ns = MonotonicNs();
    next_discovery_ns_ = end_ns + std::clamp((end_ns - begin_ns) * kDiscoveryRest, kMinDiscoveryNs, kMaxDiscoveryNs);
  }

  // False: this cgroup's series is at its end.
  bool ReadOne(uint64_t tick, std::unique_ptr<CgroupReader>& reader, Readings& readings) {
    v1::CgroupSample sample;
    auto result = reader->Read(buffer_, devices_, sample);
    if (result == CgroupReader::Result::kRecreated) {
      // A restarted container: its new series begins in this very tick.
      auto next = CgroupReader::Open(layout_, reader->path(), budget_);
      if (!next.ok()) return false;
      reader = *std::move(next);
      result = reader->Read(buffer_, devices_, sample);
    }
    if (result == CgroupReader::Result::kNoDescriptors) {
      TellExhausted();
      return true;
    }
    if (result != CgroupReader::Result::kRead) return false;
    sample.set_tick(tick);
    readings.cgroups.push_back(std::move(sample));
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
  DescriptorBudget budget_;
  std::map<std::string, std::unique_ptr<CgroupReader>> readers_;  // by path; after budget_, which they give back to
  int64_t next_discovery_ns_ = 0;
  bool limit_told_ = false;
  bool exhaustion_told_ = false;
};

}  // namespace

std::unique_ptr<Source> MakeCgroupSource(const SamplerOptions& options, const v1::Sampling& sampling) {
  if (sampling.cgroups().empty()) return nullptr;
  return std::make_unique<CgroupSource>(options, sampling);
}

}  // namespace assay
