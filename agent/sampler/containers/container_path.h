#ifndef ASSAY_AGENT_SAMPLER_CONTAINERS_CONTAINER_PATH_H_
#define ASSAY_AGENT_SAMPLER_CONTAINERS_CONTAINER_PATH_H_

#include <optional>
#include <string>
#include <string_view>

namespace assay {

// What the path of a container's cgroup tells of it. Pure.
struct ContainerPath {
  std::string id;       // 64 hexadecimal digits
  std::string pod_uid;  // of Kubernetes, with dashes; empty outside of pods

  // The names that engines give, with the cgroupfs driver (docker/ID, kubepods/burstable/podUID/ID, libpod_parent/ID)
  // and with systemd's (docker-ID.scope, libpod-ID.scope, cri-containerd-ID.scope below kubepods-...-podUID.slice).
  // nullopt: not a container's own cgroup; also that of Podman's and CRI-O's monitors (conmon).
  static std::optional<ContainerPath> Parse(std::string_view cgroup);
};

// The systemd unit that a cgroup is of or lies in: the last segment named like one. Slices only for themselves.
std::string UnitOfCgroup(std::string_view cgroup);

}  // namespace assay

#endif  // ASSAY_AGENT_SAMPLER_CONTAINERS_CONTAINER_PATH_H_
