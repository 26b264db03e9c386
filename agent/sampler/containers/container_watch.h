#ifndef ASSAY_AGENT_SAMPLER_CONTAINERS_CONTAINER_WATCH_H_
#define ASSAY_AGENT_SAMPLER_CONTAINERS_CONTAINER_WATCH_H_

#include <absl/status/status.h>

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "agent/sampler/containers/container.h"

namespace assay {

// Which containers an engine runs: its list once, then its events, on a thread of this watch's own that sleeps in
// between. An engine that goes away is asked again until it is back; what is known stays known.
class ContainerWatch {
 public:
  using Containers = std::map<std::string, Container>;  // by id

  explicit ContainerWatch(std::string socket);
  ~ContainerWatch();
  ContainerWatch(const ContainerWatch&) = delete;
  ContainerWatch& operator=(const ContainerWatch&) = delete;

  // Waits for the engine's first answer, but not for ever. Not ok: there is none so far, and why.
  absl::Status Start(int64_t patience_ns);

  // Any thread from here on.
  int fd() const;  // readable: there is news to take
  struct News {
    std::shared_ptr<const Containers> running;
    std::set<std::string> changed;  // ids of those that were started or died since the last call
    absl::Status state;             // of the connection
  };
  News Take();
  int64_t CpuNs() const;  // of its thread

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace assay

#endif  // ASSAY_AGENT_SAMPLER_CONTAINERS_CONTAINER_WATCH_H_
