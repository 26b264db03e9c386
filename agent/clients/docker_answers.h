#ifndef ASSAY_AGENT_CLIENTS_DOCKER_ANSWERS_H_
#define ASSAY_AGENT_CLIENTS_DOCKER_ANSWERS_H_

#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace assay {

// What a container engine tells, and its JSON read into that. Pure; Internal: the text is not such an answer.

struct DockerContainer {
  std::string id;
  std::string name;  // without the slash before it
  std::string image;
  bool running = false;
  std::map<std::string, std::string> labels;
};
absl::StatusOr<std::vector<DockerContainer>> ReadContainers(const std::string& json);

struct DockerContainerState {
  bool running = false;
  bool restarting = false;  // it ended, and its restart policy has it start again
  int exit_code = 0;        // of the last end
  std::string health;       // starting, healthy, unhealthy; none or empty: it has no health check
};
absl::StatusOr<DockerContainerState> ReadContainerState(const std::string& json);

struct DockerEvent {
  std::string action;  // start, die or rename
  DockerContainer container;
};
absl::StatusOr<DockerEvent> ReadEvent(const std::string& json);

struct DockerExecState {
  bool running = false;
  int exit_code = 0;
  int64_t pid = 0;  // in the engine's own PID namespace; 0: none yet
};
absl::StatusOr<DockerExecState> ReadExecState(const std::string& json);
// Of one that was created.
absl::StatusOr<std::string> ReadExecId(const std::string& json);

// Why it refused, in its own words; empty if it gave none.
std::string ReadRefusal(const std::string& json);

}  // namespace assay

#endif  // ASSAY_AGENT_CLIENTS_DOCKER_ANSWERS_H_
