#include "agent/clients/docker_answers.h"

#include <fmt/format.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include <utility>

namespace assay {
namespace {

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

DockerContainer ContainerOf(const google::protobuf::Struct& listed) {
  DockerContainer container{.id = TextField(listed, "Id"),
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
DockerEvent EventOf(const google::protobuf::Struct& parsed) {
  DockerEvent event{.action = TextField(parsed, "Action"), .container = {}};
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

}  // namespace

absl::StatusOr<std::vector<DockerContainer>> ReadContainers(const std::string& json) {
  const auto parsed = ParseJson<google::protobuf::ListValue>(json);
  if (!parsed.ok()) return parsed.status();
  std::vector<DockerContainer> containers;
  containers.reserve(static_cast<size_t>(parsed->values_size()));
  for (const auto& listed : parsed->values()) containers.push_back(ContainerOf(listed.struct_value()));
  return containers;
}

absl::StatusOr<DockerContainerState> ReadContainerState(const std::string& json) {
  const auto parsed = ParseJson(json);
  if (!parsed.ok()) return parsed.status();
  DockerContainerState state;
  const auto* told = Field(*parsed, "State");
  if (told == nullptr) return absl::InternalError("the engine did not tell the container's state");
  const google::protobuf::Struct& fields = told->struct_value();
  if (const auto* running = Field(fields, "Running")) state.running = running->bool_value();
  if (const auto* restarting = Field(fields, "Restarting")) state.restarting = restarting->bool_value();
  if (const auto* code = Field(fields, "ExitCode")) state.exit_code = static_cast<int>(code->number_value());
  if (const auto* health = Field(fields, "Health")) {
    if (const auto* status = Field(health->struct_value(), "Status")) state.health = status->string_value();
  }
  return state;
}

absl::StatusOr<DockerEvent> ReadEvent(const std::string& json) {
  const auto parsed = ParseJson(json);
  if (!parsed.ok()) return parsed.status();
  return EventOf(*parsed);
}

absl::StatusOr<DockerExecState> ReadExecState(const std::string& json) {
  const auto parsed = ParseJson(json);
  if (!parsed.ok()) return parsed.status();
  DockerExecState state;
  if (const auto* running = Field(*parsed, "Running")) state.running = running->bool_value();
  if (const auto* code = Field(*parsed, "ExitCode")) state.exit_code = static_cast<int>(code->number_value());
  if (const auto* pid = Field(*parsed, "Pid")) state.pid = static_cast<int64_t>(pid->number_value());
  return state;
}

absl::StatusOr<std::string> ReadExecId(const std::string& json) {
  const auto parsed = ParseJson(json);
  if (!parsed.ok()) return parsed.status();
  const auto* id = Field(*parsed, "Id");
  if (id == nullptr) return absl::InternalError("the engine gave the exec no id");
  return id->string_value();
}

std::string ReadRefusal(const std::string& json) {
  const auto parsed = ParseJson(json);
  return parsed.ok() ? TextField(*parsed, "message") : "";
}

}  // namespace assay
