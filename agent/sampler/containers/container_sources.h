#ifndef ASSAY_AGENT_SAMPLER_CONTAINERS_CONTAINER_SOURCES_H_
#define ASSAY_AGENT_SAMPLER_CONTAINERS_CONTAINER_SOURCES_H_

#include <cstdint>
#include <string>

namespace assay {

// Who on this host tells about containers.
struct ContainerSources {
  std::string engine_socket = "/var/run/docker.sock";
  int64_t engine_patience_ns = 5'000'000'000;   // for its first answer; what comes later is sampled from then on
  std::string docker_root = "/var/lib/docker";  // where container engines keep what they know,
  std::string podman_root = "/var/lib/containers/storage";  // for names that no engine tells
  std::string log_root = "/var/log";                        // with the kubelet's pods/ and containers/
};

}  // namespace assay

#endif  // ASSAY_AGENT_SAMPLER_CONTAINERS_CONTAINER_SOURCES_H_
