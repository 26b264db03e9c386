#ifndef ASSAY_AGENT_SAMPLER_CONTAINERS_CONTAINER_PROCESS_H_
#define ASSAY_AGENT_SAMPLER_CONTAINERS_CONTAINER_PROCESS_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

// The oldest process of a container: its first, with whose death the container dies.
struct ContainerProcess {
  pid_t pid = 0;
  int64_t started_ns = 0;  // monotonic, to the kernel's clock tick
};

// Looks in a cgroup's directories and, where they hold none themselves, in their children's (as Podman makes them).
// nullopt: none that this process can see.
std::optional<ContainerProcess> FindContainerProcess(const std::vector<std::string>& cgroup_directories,
                                                     const std::string& proc_root);

// Of /proc/PID/stat: field 22, in clock ticks since boot; the program's name before it may hold anything.
std::optional<int64_t> ParseStartTicks(std::string_view stat);

}  // namespace assay

#endif  // ASSAY_AGENT_SAMPLER_CONTAINERS_CONTAINER_PROCESS_H_
