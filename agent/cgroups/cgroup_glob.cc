#include "agent/cgroups/cgroup_glob.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <fnmatch.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>
#include <tuple>

#include "common/descriptor.h"

namespace assay {
namespace {

constexpr size_t kMaxPatternBytes = 4096;
constexpr size_t kMaxDepth = 128;

// How far a path has come in a glob: the segment that the next name must match. At segments().size() it matches as it
// is.
struct Position {
  size_t glob;
  size_t segment;
  bool operator==(const Position&) const = default;
  bool operator<(const Position& other) const { return std::tie(glob, segment) < std::tie(other.glob, other.segment); }
};
using Positions = std::vector<Position>;

bool IsLiteral(const std::string& segment) { return segment.find_first_of("*?[") == std::string::npos; }

bool SegmentMatches(const std::string& segment, const std::string& name) {
  return segment == name || (!IsLiteral(segment) && fnmatch(segment.c_str(), name.c_str(), FNM_NOESCAPE) == 0);
}

// "**" may stand for nothing, so whoever waits at it waits behind it too.
void Put(const std::vector<CgroupGlob>& globs, Position position, Positions& into) {
  into.push_back(position);
  const auto& segments = globs[position.glob].segments();
  if (position.segment < segments.size() && segments[position.segment] == "**") {
    Put(globs, {position.glob, position.segment + 1}, into);
  }
}

Positions Start(const std::vector<CgroupGlob>& globs) {
  Positions start;
  for (size_t glob = 0; glob < globs.size(); ++glob) Put(globs, {glob, 0}, start);
  return start;
}

Positions Step(const std::vector<CgroupGlob>& globs, const Positions& from, const std::string& name) {
  Positions next;
  for (const Position& position : from) {
    const auto& segments = globs[position.glob].segments();
    if (position.segment == segments.size()) continue;
    if (segments[position.segment] == "**") {
      Put(globs, position, next);
    } else if (SegmentMatches(segments[position.segment], name)) {
      Put(globs, {position.glob, position.segment + 1}, next);
    }
  }
  std::sort(next.begin(), next.end());
  next.erase(std::unique(next.begin(), next.end()), next.end());
  return next;
}

class Walk {
 public:
  Walk(const std::vector<CgroupGlob>& globs, GlobMatches& found) : globs_(globs), found_(found) {}

  void Enter(Descriptor directory, const std::string& path, const Positions& positions) {
    bool list = false;
    std::set<std::string> names;
    for (const Position& position : positions) {
      const auto& segments = globs_[position.glob].segments();
      if (position.segment == segments.size()) continue;
      names.insert(segments[position.segment]);
      list |= !IsLiteral(segments[position.segment]);
    }
    if (list) {
      names = Children(directory.get());
    }
    for (const std::string& name : names) {
      const Positions next = Step(globs_, positions, name);
      if (next.empty()) continue;
      const std::string child_path = fmt::format("{}/{}", path, name);
      const bool deeper = Deeper(next) && depth_ < kMaxDepth;
      // A listed name is a directory; a literal one is only hoped for. Only where more is due must it be opened.
      Descriptor child;
      if (deeper || !list) {
        child = Descriptor(openat(directory.get(), name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        if (!child.ok()) continue;
      }
      Accept(child_path, next);
      if (!deeper) continue;
      ++depth_;
      Enter(std::move(child), child_path, next);
      --depth_;
    }
  }

  void Accept(const std::string& path, const Positions& positions) {
    for (const Position& position : positions) {
      if (position.segment != globs_[position.glob].segments().size()) continue;
      found_.paths.insert(path);
      found_.matched[position.glob] = true;
    }
  }

 private:
  bool Deeper(const Positions& positions) const {
    return std::any_of(positions.begin(), positions.end(), [this](const Position& position) {
      return position.segment < globs_[position.glob].segments().size();
    });
  }

  static std::set<std::string> Children(int directory) {
    std::set<std::string> names;
    const int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return names;
    const std::unique_ptr<DIR, int (*)(DIR*)> listing(fdopendir(fd), closedir);
    if (listing == nullptr) {
      close(fd);
      return names;
    }
    while (const dirent* entry = readdir(listing.get())) {
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      bool is_directory = entry->d_type == DT_DIR;
      if (entry->d_type == DT_UNKNOWN) {
        struct stat info {};
        is_directory = fstatat(fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(info.st_mode);
      }
      if (is_directory) names.emplace(name);
    }
    return names;
  }

  const std::vector<CgroupGlob>& globs_;
  GlobMatches& found_;
  size_t depth_ = 0;
};

}  // namespace

absl::StatusOr<CgroupGlob> CgroupGlob::Parse(std::string_view pattern) {
  if (pattern.empty()) return absl::InvalidArgumentError("cgroup pattern is empty; write a path such as \"/a/*\"");
  if (pattern.size() > kMaxPatternBytes) {
    return absl::InvalidArgumentError(
        fmt::format("cgroup pattern \"{}...\" is longer than {} bytes", pattern.substr(0, 40), kMaxPatternBytes));
  }
  CgroupGlob glob;
  size_t begin = 0;
  while (begin < pattern.size()) {
    const size_t end = std::min(pattern.find('/', begin), pattern.size());
    const std::string segment(pattern.substr(begin, end - begin));
    begin = end + 1;
    if (segment.empty()) continue;
    if (segment == "." || segment == ".." || segment.find('\0') != std::string::npos) {
      return absl::InvalidArgumentError(
          fmt::format("cgroup pattern \"{}\": a segment cannot be \"{}\"; write the path from the cgroup root", pattern,
                      segment == "." || segment == ".." ? segment : "a name with a zero byte"));
    }
    // Several in a row say the same as one, and would only multiply the positions.
    if (segment == "**" && !glob.segments_.empty() && glob.segments_.back() == "**") continue;
    glob.segments_.push_back(segment);
  }
  // At the end "**" needs one name at least.
  if (!glob.segments_.empty() && glob.segments_.back() == "**") glob.segments_.emplace_back("*");
  return glob;
}

bool CgroupGlob::Matches(std::string_view path) const {
  const std::vector<CgroupGlob> globs = {*this};
  Positions positions = Start(globs);
  size_t begin = 0;
  while (begin < path.size()) {
    const size_t end = std::min(path.find('/', begin), path.size());
    if (end > begin) positions = Step(globs, positions, std::string(path.substr(begin, end - begin)));
    begin = end + 1;
  }
  return std::any_of(positions.begin(), positions.end(),
                     [this](const Position& position) { return position.segment == segments_.size(); });
}

GlobMatches ExpandGlobs(const std::vector<CgroupGlob>& globs, const std::vector<std::string>& hierarchies) {
  GlobMatches found;
  found.matched.assign(globs.size(), false);
  const Positions start = Start(globs);
  for (const std::string& hierarchy : hierarchies) {
    Descriptor root(open(hierarchy.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!root.ok()) continue;
    Walk walk(globs, found);
    walk.Accept("/", start);
    walk.Enter(std::move(root), "", start);
  }
  return found;
}

}  // namespace assay
