#ifndef ASSAY_AGENT_CLIENTS_DOCKER_ENGINE_H_
#define ASSAY_AGENT_CLIENTS_DOCKER_ENGINE_H_

#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/clients/docker_answers.h"
#include "agent/clients/http/http_client.h"

namespace assay {

// The calls of the Docker Engine API (version 1.41; Podman serves the same ones) that triggers, hooks and the sampler
// need, over the engine's unix socket. Source: docs.docker.com/engine/api. Everything happens on the loop's thread;
// errors are in the engine's own words, with the mend where the socket is at fault.
class DockerEngine {
 public:
  DockerEngine(EventLoop& loop, std::string socket, size_t connections);

  // Whether the engine answers. Unavailable: no socket, no rights, nobody there.
  void Ping(std::function<void(absl::Status)> done);
  // `request`: the call's JSON. `done` gets the exec's id and when it was answered (monotonic). NotFound: no such
  // container. FailedPrecondition: it does not run.
  void CreateExec(const std::string& container, const std::string& request,
                  std::function<void(absl::StatusOr<std::string>, int64_t answered_ns)> done);
  // `receive` gets what the process writes, as it comes. `done`: when the engine had started it (-1: it never did),
  // when its output ended (monotonic), and what went wrong.
  HttpClient::Id StartExec(const std::string& exec, std::function<void(std::string_view)> receive,
                           std::function<void(absl::Status, int64_t running_ns, int64_t ended_ns)> done);
  void InspectExec(const std::string& exec, std::function<void(absl::StatusOr<DockerExecState>)> done);

  // Those with a label, "key" or "key=value", also those that do not run; without one all that run.
  void ListContainers(const std::string& label, std::function<void(absl::StatusOr<std::vector<DockerContainer>>)> done);
  // Fine for one that is in that state already. Stop is done when it has ended: the engine kills it after its grace,
  // which is as long as its owner likes, so the call has no timeout.
  void StartContainer(const std::string& container, std::function<void(absl::Status)> done);
  void StopContainer(const std::string& container, std::function<void(absl::Status)> done);
  void InspectContainer(const std::string& container, std::function<void(absl::StatusOr<DockerContainerState>)> done);
  // What becomes of containers, from an instant of the wall clock (Unix s) on, until the engine ends or is cancelled.
  HttpClient::Id Follow(int64_t since_s, std::function<void(const DockerEvent&)> receive,
                        std::function<void(absl::Status)> ended);

  void Cancel(HttpClient::Id id) { client_.Cancel(id); }

 private:
  static constexpr int64_t kCallTimeoutNs = 60'000'000'000;
  void Call(const std::string& method, const std::string& path, std::string body,
            std::function<void(absl::StatusOr<std::string>, int64_t answered_ns)> done,
            int64_t timeout_ns = kCallTimeoutNs);  // 0: none
  HttpRequest Request(const std::string& method, const std::string& path, std::string body) const;
  HttpClient::Id Start(HttpRequest&& request, HttpReceive receive, HttpEnded ended);
  absl::Status Failure(const HttpResponse& response, const std::string& body) const;

  const std::string socket_;
  HttpClient client_;
};

}  // namespace assay

#endif  // ASSAY_AGENT_CLIENTS_DOCKER_ENGINE_H_
