#include "common/cgroup_membership.h"

#include <fstream>

namespace assay {

std::vector<CgroupMembership> ReadCgroupMemberships(const std::string& file) {
  std::vector<CgroupMembership> memberships;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    // "4:cpu,cpuacct:/a/b" or "0::/a/b"
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    memberships.push_back({line.substr(first + 1, second - first - 1), line.substr(second + 1)});
  }
  return memberships;
}

}  // namespace assay
