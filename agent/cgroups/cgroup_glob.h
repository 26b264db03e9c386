#ifndef ASSAY_AGENT_CGROUPS_CGROUP_GLOB_H_
#define ASSAY_AGENT_CGROUPS_CGROUP_GLOB_H_

#include <absl/status/statusor.h>

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

// A pattern over cgroup paths, segment by segment: "*", "?" and "[...]" within a segment, "**" for any number of
// segments. "/a/**" is all below /a, not /a itself; "/" is the root cgroup. A backslash is a plain character, as
// systemd escapes unit names with it.
class CgroupGlob {
 public:
  // InvalidArgument names the pattern: empty, too long, or with "." or ".." as a segment.
  static absl::StatusOr<CgroupGlob> Parse(std::string_view pattern);

  bool Matches(std::string_view path) const;

  const std::vector<std::string>& segments() const { return segments_; }

 private:
  std::vector<std::string> segments_;
};

struct GlobMatches {
  std::set<std::string> paths;  // below the hierarchies' roots, with a leading "/"
  std::vector<bool> matched;    // per glob: whether any path did
};

// The cgroups that any of the globs matches in any of the hierarchies (directories). One walk for all globs, which
// enters only directories below which a match is possible, lists only those where a wildcard is due, and follows no
// symbolic link.
GlobMatches ExpandGlobs(const std::vector<CgroupGlob>& globs, const std::vector<std::string>& hierarchies);

}  // namespace assay

#endif  // ASSAY_AGENT_CGROUPS_CGROUP_GLOB_H_
