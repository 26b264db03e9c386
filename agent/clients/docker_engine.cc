#include "agent/clients/docker_engine.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "common/json_text.h"
#include "common/percent_encoding.h"

namespace assay {
namespace {

constexpr size_t kMaxAnswer = 64 << 20;  // a list of thousands of containers, with all their labels
constexpr size_t kMaxEvent = 1 << 20;

// Why nobody can be reached there, in the kernel's words: libcurl's are of the host and port that a URL has to name.
// Empty where somebody can.
std::string WhyOutOfReach(const std::string& path) {
  sockaddr_un address{};
  if (path.size() >= sizeof(address.sun_path)) return "the path is longer than a socket's may be";
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return std::strerror(errno);
  const bool reached =
      connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 || errno == EAGAIN;
  std::string why = reached ? "" : std::strerror(errno);
  close(fd);
  return why;
}

// Standard output and error come in frames: a byte that says which, three zeros, the length (big endian), the bytes.
class Frames {
 public:
  explicit Frames(std::function<void(std::string_view)> receive) : receive_(std::move(receive)) {}

  void Append(std::string_view bytes) {
    while (!bytes.empty()) {
      if (left_ > 0) {
        const std::string_view payload = bytes.substr(0, left_);
        receive_(payload);
        left_ -= payload.size();
        bytes.remove_prefix(payload.size());
        continue;
      }
      header_.push_back(bytes.front());
      bytes.remove_prefix(1);
      if (header_.size() < kHeader) continue;
      for (size_t i = 4; i < kHeader; ++i) left_ = (left_ << 8) | static_cast<unsigned char>(header_[i]);
      header_.clear();
    }
  }

 private:
  static constexpr size_t kHeader = 8;
  std::function<void(std::string_view)> receive_;
  std::string header_;
  size_t left_ = 0;
};

}  // namespace

DockerEngine::DockerEngine(EventLoop& loop, std::string socket, size_t connections)
    : socket_(std::move(socket)), client_(loop, connections) {}

HttpRequest DockerEngine::Request(const std::string& method, const std::string& path, std::string body) const {
  HttpRequest request;
  request.method = method;
  request.url = "http://docker" + path;
  request.unix_socket = socket_;
  request.version = HttpRequest::Version::kHttp1;
  request.body = std::move(body);
  if (!request.body.empty()) request.headers.emplace_back("Content-Type: application/json");
  return request;
}

HttpClient::Id DockerEngine::Start(HttpRequest&& request, HttpReceive receive, HttpEnded ended) {
  return client_.Start(std::make_shared<const HttpRequest>(std::move(request)), std::move(receive), std::move(ended));
}

absl::Status DockerEngine::Failure(const HttpResponse& response, const std::string& body) const {
  switch (response.end) {
    case HttpResponse::End::kAnswered:
      break;
    case HttpResponse::End::kCancelled:
      return absl::CancelledError("cancelled");
    case HttpResponse::End::kTimedOut:
      return absl::DeadlineExceededError(fmt::format("the container engine on {}: {}", socket_, response.error));
    case HttpResponse::End::kFailed: {
      const std::string why = WhyOutOfReach(socket_);
      return absl::UnavailableError(fmt::format(
          "no container engine answers on {}: {}; is it running, and may this user open the socket (root, or "
          "the group of the socket)?",
          socket_, why.empty() ? response.error : why));
    }
  }
  std::string message = ReadRefusal(body);
  if (message.empty()) message = fmt::format("status {}", response.status);
  switch (response.status) {
    case 404:
      return absl::NotFoundError(message);
    case 409:
      return absl::FailedPreconditionError(message);
    default:
      return absl::InternalError(fmt::format("the container engine: {}", message));
  }
}

void DockerEngine::Call(const std::string& method, const std::string& path, std::string body,
                        std::function<void(absl::StatusOr<std::string>, int64_t)> done, int64_t timeout_ns) {
  HttpRequest request = Request(method, path, std::move(body));
  request.timeout_ns = timeout_ns;
  const auto answer = std::make_shared<std::string>();
  HttpReceive receive = [answer](int /*status*/, std::string_view bytes) {
    if (answer->size() + bytes.size() <= kMaxAnswer) answer->append(bytes);
  };
  Start(std::move(request), std::move(receive), [this, answer, done = std::move(done)](HttpResponse&& response) {
    const bool good = response.end == HttpResponse::End::kAnswered && response.status >= 200 && response.status < 400;
    done(good ? absl::StatusOr<std::string>(std::move(*answer)) : Failure(response, *answer), response.finished_ns);
  });
}

void DockerEngine::Ping(std::function<void(absl::Status)> done) {
  Call("GET", "/_ping", "",
       [done = std::move(done)](const absl::StatusOr<std::string>& answer, int64_t /*ns*/) { done(answer.status()); });
}

void DockerEngine::CreateExec(const std::string& container, const std::string& request,
                              std::function<void(absl::StatusOr<std::string>, int64_t)> done) {
  Call("POST", fmt::format("/containers/{}/exec", PercentEncoded(container)), request,
       [done = std::move(done)](const absl::StatusOr<std::string>& answer, int64_t answered_ns) {
         done(answer.ok() ? ReadExecId(*answer) : answer.status(), answered_ns);
       });
}

HttpClient::Id DockerEngine::StartExec(const std::string& exec, std::function<void(std::string_view)> receive,
                                       std::function<void(absl::Status, int64_t, int64_t)> done) {
  HttpRequest request = Request("POST", fmt::format("/exec/{}/start", exec), R"({"Detach": false, "Tty": false})");
  const auto failure = std::make_shared<std::string>();
  HttpReceive take = [failure, frames = std::make_shared<Frames>(std::move(receive))](int status,
                                                                                      std::string_view bytes) {
    if (status == 200 || status == 101) {
      frames->Append(bytes);
    } else if (failure->size() < kMaxAnswer) {
      failure->append(bytes);
    }
  };
  return Start(std::move(request), std::move(take), [this, failure, done = std::move(done)](HttpResponse&& response) {
    const bool good = response.end == HttpResponse::End::kAnswered && response.status == 200;
    done(good ? absl::OkStatus() : Failure(response, *failure), response.first_byte_ns, response.finished_ns);
  });
}

void DockerEngine::InspectExec(const std::string& exec, std::function<void(absl::StatusOr<DockerExecState>)> done) {
  Call("GET", fmt::format("/exec/{}/json", exec), "",
       [done = std::move(done)](const absl::StatusOr<std::string>& answer, int64_t /*answered_ns*/) {
         done(answer.ok() ? ReadExecState(*answer) : answer.status());
       });
}

void DockerEngine::ListContainers(const std::string& label,
                                  std::function<void(absl::StatusOr<std::vector<DockerContainer>>)> done) {
  const std::string all_with_it =
      fmt::format("?all=true&filters={}", PercentEncoded(fmt::format(R"({{"label": [{}]}})", JsonString(label))));
  Call("GET", "/containers/json" + (label.empty() ? "" : all_with_it), "",
       [done = std::move(done)](const absl::StatusOr<std::string>& answer, int64_t /*answered_ns*/) {
         done(answer.ok() ? ReadContainers(*answer) : answer.status());
       });
}

void DockerEngine::StartContainer(const std::string& container, std::function<void(absl::Status)> done) {
  Call("POST", fmt::format("/containers/{}/start", PercentEncoded(container)), "",
       [done = std::move(done)](const absl::StatusOr<std::string>& answer, int64_t /*ns*/) { done(answer.status()); });
}

void DockerEngine::StopContainer(const std::string& container, std::function<void(absl::Status)> done) {
  Call(
      "POST", fmt::format("/containers/{}/stop", PercentEncoded(container)), "",
      [done = std::move(done)](const absl::StatusOr<std::string>& answer, int64_t /*ns*/) { done(answer.status()); },
      0);
}

void DockerEngine::InspectContainer(const std::string& container,
                                    std::function<void(absl::StatusOr<DockerContainerState>)> done) {
  Call("GET", fmt::format("/containers/{}/json", PercentEncoded(container)), "",
       [done = std::move(done)](const absl::StatusOr<std::string>& answer, int64_t /*answered_ns*/) {
         done(answer.ok() ? ReadContainerState(*answer) : answer.status());
       });
}

HttpClient::Id DockerEngine::Follow(int64_t since_s, std::function<void(const DockerEvent&)> receive,
                                    std::function<void(absl::Status)> ended) {
  // filters: {"type":["container"],"event":["start","die","rename"]}
  HttpRequest request =
      Request("GET",
              fmt::format("/events?since={}&filters=%7B%22type%22%3A%5B%22container%22%5D%2C%22event%22%3A%5B%22start%"
                          "22%2C%22die%22%2C%22rename%22%5D%7D",
                          since_s),
              "");
  // A line each; pieces end where they like.
  const auto text = std::make_shared<std::string>();
  HttpReceive take = [text, receive = std::move(receive)](int status, std::string_view bytes) {
    text->append(bytes);
    if (status != 200) return;
    size_t begin = 0;
    for (size_t end = text->find('\n'); end != std::string::npos; end = text->find('\n', begin)) {
      if (const auto event = ReadEvent(text->substr(begin, end - begin)); event.ok()) receive(*event);
      begin = end + 1;
    }
    text->erase(0, begin);
    if (text->size() > kMaxEvent) text->clear();
  };
  return Start(std::move(request), std::move(take), [this, text, ended = std::move(ended)](HttpResponse&& response) {
    const bool good = response.end == HttpResponse::End::kAnswered && response.status == 200;
    ended(good ? absl::OkStatus() : Failure(response, *text));
  });
}

}  // namespace assay
