#ifndef ASSAY_COORDINATOR_DOCKER_DISPLAY_H_
#define ASSAY_COORDINATOR_DOCKER_DISPLAY_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace assay {

// The display strings of `docker stats` (docker/go-units): four significant digits, memory in binary units, network and
// block I/O in decimal ones. "1.953MiB", "12.3kB".
std::string DockerBinarySize(int64_t bytes);
std::string DockerDecimalSize(int64_t bytes);

struct ContainerName {
  std::string id;    // 12 hex digits, as docker shows it; of the inode for a cgroup that is no container's
  std::string name;  // last part of the path
};
ContainerName NameOfCgroup(std::string_view path, uint64_t inode);

}  // namespace assay

#endif  // ASSAY_COORDINATOR_DOCKER_DISPLAY_H_
