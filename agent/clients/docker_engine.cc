#include "agent/clients/docker_engine.h"

#include <fmt/format.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include <cctype>
#include <memory>
#include <utility>

#include "common/json_text.h"

namespace assay {
namespace {

constexpr size_t kMaxAnswer = 64 << 20;  // a list of thousands of containers, with all their labels
constexpr size_t kMaxEvent = 1 << 20;

// In a path or a query; names come from scenarios.
std::string Escaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '.' || c == '_' || c == '~';
    escaped += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return escaped;
}

template <typename Parsed = google::protobuf::Struct>
absl::StatusOr<Parsed> ParseJson(const std::string& text) {
  Parsed parsed;
  if (!google::protobuf::util::JsonStringToMessage(text, &parsed).ok())
    return absl::InternalError(fmt::format("the engine answered with something that is not JSON: {:.200}", text));
  return parsed;
}

const google::protobuf::Value* Field(const google::protobuf::Struct& parsed, const std::string& name) {
  const auto found = parsed.fields().find(name);
  return found == parsed.fields().end() ? nullptr : &found->second;
}

std::string TextField(const google::protobuf::Struct& parsed, const std::string& name) {
  const auto* field = Field(parsed, name);
  return field == nullptr ? "" : field->string_value();
}

std::string WithoutSlash(std::string name) {
  if (name.starts_with('/')) name.erase(0, 1);
  return name;
}

DockerEngine::Container ContainerOf(const google::protobuf::Struct& listed) {
  DockerEngine::Container container{.id = TextField(listed, "Id"),
                                    .name = "",
                                    .image = TextField(listed, "Image"),
                                    .running = TextField(listed, "State") == "running",
                                    .labels = {}};
  // Links between containers are names too, and have a second slash.
  if (const auto* names = Field(listed, "Names")) {
    for (const auto& name : names->list_value().values()) {
      const std::string text = WithoutSlash(name.string_value());
      if (container.name.empty() || text.find('/') == std::string::npos) container.name = text;
    }
  }
  if (container.name.empty()) container.name = container.id;
  if (const auto* labels = Field(listed, "Labels")) {
    for (const auto& [key, value] : labels->struct_value().fields()) container.labels[key] = value.string_value();
  }
  return container;
}

// In an event the labels stand among the attributes.
DockerEngine::Event EventOf(const google::protobuf::Struct& parsed) {
  DockerEngine::Event event{.action = TextField(parsed, "Action"), .container = {}};
  const auto* actor = Field(parsed, "Actor");
  if (actor == nullptr) return event;
  event.container.id = TextField(actor->struct_value(), "ID");
  const auto* attributes = Field(actor->struct_value(), "Attributes");
  if (attributes == nullptr) return event;
  for (const auto& [key, value] : attributes->struct_value().fields()) {
    if (key == "name") {
      event.container.name = WithoutSlash(value.string_value());
    } else if (key == "image") {
      event.container.image = value.string_value();
    } else if (key != "exitCode" && key != "oldName" && key != "execDuration") {
      event.container.labels[key] = value.string_value();
    }
  }
  return event;
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

absl::Status DockerEngine::Failure(const HttpResponse& response, const std::string& body) const {
  switch (response.end) {
    case HttpResponse::End::kAnswered:
      break;
    case HttpResponse::End::kCancelled:
      return absl::CancelledError("cancelled");
    case HttpResponse::End::kTimedOut:
      return absl::DeadlineExceededError(fmt::format("the container engine on {}: {}", socket_, response.error));
    case HttpResponse::End::kFailed:
      return absl::UnavailableError(fmt::format(
          "no container engine answers on {}: {}; is it running, and may this user open the socket (root, or "
          "the group of the socket)?",
          socket_, response.error));
  }
  std::string message = fmt::format("status {}", response.status);
  if (const auto parsed = ParseJson(body); parsed.ok()) {
    if (const auto* text = Field(*parsed, "message")) message = text->string_value();
  }
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
  request.receive = [answer](int /*status*/, std::string_view bytes) {
    if (answer->size() + bytes.size() <= kMaxAnswer) answer->append(bytes);
  };
  client_.Start(std::move(request), [this, answer, done = std::move(done)](HttpResponse&& response) {
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
  Call("POST", fmt::format("/containers/{}/exec", Escaped(container)), request,
       [done = std::move(done)](const absl::StatusOr<std::string>& answer, int64_t answered_ns) {
         if (!answer.ok()) return done(answer.status(), answered_ns);
         const auto parsed = ParseJson(*answer);
         if (!parsed.ok()) return done(parsed.status(), answered_ns);
         const auto* id = Field(*parsed, "Id");
         if (id == nullptr) return done(absl::InternalError("the engine gave the exec no id"), answered_ns);
         done(id->string_value(), answered_ns);
       });
}

HttpClient::Id DockerEngine::StartExec(const std::string& exec, std::function<void(std::string_view)> receive,
                                       std::function<void(absl::Status, int64_t, int64_t)> done) {
  HttpRequest request = Request("POST", fmt::format("/exec/{}/start", exec), R"({"Detach": false, "Tty": false})");
  const auto failure = std::make_shared<std::string>();
  request.receive = [failure, frames = std::make_shared<Frames>(std::move(receive))](int status,
                                                                                     std::string_view bytes) {
    if (status == 200 || status == 101) {
      frames->Append(bytes);
    } else if (failure->size() < kMaxAnswer) {
      failure->append(bytes);
    }
  };
  return client_.Start(std::move(request), [this, failure, done = std::move(done)](HttpResponse&& response) {
    const bool good = response.end == HttpResponse::End::kAnswered && response.status == 200;
    done(good ? absl::OkStatus() : Failure(response, *failure), response.first_byte_ns, response.finished_ns);
  });
}

void DockerEngine::InspectExec(const std::string& exec, std::function<void(absl::StatusOr<ExecState>)> done) {
  Call("GET", fmt::format("/exec/{}/json", exec), "",
       [done = std::move(done)](const absl::StatusOr<std::string>& answer, int64_t /*answered_ns*/) {
         if (!answer.ok()) return done(answer.status());
         const auto parsed = ParseJson(*answer);
         if (!parsed.ok()) return done(parsed.status());
         ExecState state;
         if (const auto* running = Field(*parsed, "Running")) state.running = running->bool_value();
         if (const auto* code = Field(*parsed, "ExitCode")) state.exit_code = static_cast<int>(code->number_value());
         if (const auto* pid = Field(*parsed, "Pid")) state.pid = static_cast<int64_t>(pid->number_value());
         done(state);
       });
}

void DockerEngine::ListContainers(const std::string& label,
                                  std::function<void(absl::StatusOr<std::vector<Container>>)> done) {
  const std::string all_with_it =
      fmt::format("?all=true&filters={}", Escaped(fmt::format(R"({{"label": [{}]}})", JsonString(label))));
  Call("GET", "/containers/json" + (label.empty() ? "" : all_with_it), "",
       [done = std::move(done)](const absl::StatusOr<std::string>& answer, int64_t /*answered_ns*/) {
         if (!answer.ok()) return done(answer.status());
         const auto parsed = ParseJson<google::protobuf::ListValue>(*answer);
         if (!parsed.ok()) return done(parsed.status());
         std::vector<Container> containers;
         containers.reserve(static_cast<size_t>(parsed->values_size()));
         for (const auto& listed : parsed->values()) containers.push_back(ContainerOf(listed.struct_value()));
         done(std::move(containers));
       });
}

void DockerEngine::StartContainer(const std::string& container, std::function<void(absl::Status)> done) {
  Call("POST", fmt::format("/containers/{}/start", Escaped(container)), "",
       [done = std::move(done)](const absl::StatusOr<std::string>& answer, int64_t /*ns*/) { done(answer.status()); });
}

void DockerEngine::StopContainer(const std::string& container, std::function<void(absl::Status)> done) {
  Call(
      "POST", fmt::format("/containers/{}/stop", Escaped(container)), "",
      [done = std::move(done)](const absl::StatusOr<std::string>& answer, int64_t /*ns*/) { done(answer.status()); },
      0);
}

void DockerEngine::InspectContainer(const std::string& container,
                                    std::function<void(absl::StatusOr<ContainerState>)> done) {
  Call("GET", fmt::format("/containers/{}/json", Escaped(container)), "",
       [done = std::move(done)](const absl::StatusOr<std::string>& answer, int64_t /*answered_ns*/) {
         if (!answer.ok()) return done(answer.status());
         const auto parsed = ParseJson(*answer);
         if (!parsed.ok()) return done(parsed.status());
         ContainerState state;
         const auto* told = Field(*parsed, "State");
         if (told == nullptr) return done(absl::InternalError("the engine did not tell the container's state"));
         const google::protobuf::Struct& fields = told->struct_value();
         if (const auto* running = Field(fields, "Running")) state.running = running->bool_value();
         if (const auto* restarting = Field(fields, "Restarting")) state.restarting = restarting->bool_value();
         if (const auto* code = Field(fields, "ExitCode")) state.exit_code = static_cast<int>(code->number_value());
         if (const auto* health = Field(fields, "Health")) {
           if (const auto* status = Field(health->struct_value(), "Status")) state.health = status->string_value();
         }
         done(state);
       });
}

HttpClient::Id DockerEngine::Follow(int64_t since_s, std::function<void(const Event&)> receive,
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
  request.receive = [text, receive = std::move(receive)](int status, std::string_view bytes) {
    text->append(bytes);
    if (status != 200) return;
    size_t begin = 0;
    for (size_t end = text->find('\n'); end != std::string::npos; end = text->find('\n', begin)) {
      if (const auto parsed = ParseJson(text->substr(begin, end - begin)); parsed.ok()) receive(EventOf(*parsed));
      begin = end + 1;
    }
    text->erase(0, begin);
    if (text->size() > kMaxEvent) text->clear();
  };
  return client_.Start(std::move(request), [this, text, ended = std::move(ended)](HttpResponse&& response) {
    const bool good = response.end == HttpResponse::End::kAnswered && response.status == 200;
    ended(good ? absl::OkStatus() : Failure(response, *text));
  });
}

}  // namespace assay
