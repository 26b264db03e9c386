#include "coordinator/scenario/scenario_trigger.h"

#include <absl/strings/escaping.h>
#include <fmt/format.h>

#include <memory>
#include <string>

#include "common/grpc_words.h"
#include "common/host_port.h"
#include "coordinator/scenario/scalar_value.h"
#include "coordinator/scenario/scenario_http.h"
#include "coordinator/scenario/scenario_process.h"

namespace assay {
namespace {

constexpr uint32_t kDefaultEngineInFlight = 100;
constexpr uint32_t kDefaultDriverBatch = 500;
constexpr int64_t kDefaultPrepareNs = 60'000'000'000;

absl::Status ReadSleep(const YamlNode& length, v1::SleepLength& message) {
  if (length.IsScalar()) {
    message.set_fixed_ns(DurationValueNs(std::make_shared<YamlNode>(length), 0));
    return absl::OkStatus();
  }
  if (const YamlNodePtr uniform = Find(length, "uniform")) {
    const int64_t min_ns = DurationValueNs(uniform->items[0], 0);
    const int64_t max_ns = DurationValueNs(uniform->items[1], 0);
    if (min_ns > max_ns) {
      return NodeError(*uniform,
                       fmt::format("uniform: the shortest sleep {} is above the longest {}",
                                   FlowText(*uniform->items[0]), FlowText(*uniform->items[1])),
                       fmt::format("write [{}, {}]", FlowText(*uniform->items[1]), FlowText(*uniform->items[0])));
    }
    message.mutable_uniform()->set_min_ns(min_ns);
    message.mutable_uniform()->set_max_ns(max_ns);
  } else if (const YamlNodePtr mean = Find(length, "exponential")) {
    message.set_exponential_mean_ns(DurationValueNs(mean, 0));
  } else if (const YamlNodePtr list = Find(length, "list")) {
    for (const YamlNodePtr& item : list->items) message.mutable_list()->add_ns(DurationValueNs(item, 0));
  }
  return absl::OkStatus();
}

absl::Status ReadGrpcPayload(const YamlNode& node, v1::GrpcTrigger& message) {
  if (const YamlNodePtr json = Find(node, "json")) {
    message.set_json(JsonTemplate(*json));
  } else if (const YamlNodePtr raw = Find(node, "bytes")) {
    if (!absl::Base64Unescape(TextValue(*raw), message.mutable_raw())) {
      return NodeError(*raw, fmt::format("trigger.grpc.bytes is not base64: {}", FlowText(*raw)),
                       "write the encoded request as 'base64 FILE' prints it");
    }
  }
  return absl::OkStatus();
}

absl::Status ReadGrpc(const YamlNode& node, v1::GrpcTrigger& message) {
  const YamlNodePtr target = Find(node, "target");
  message.set_target(target->text);
  if (target->text == "unix:")
    return NodeError(*target, "trigger.grpc.target: 'unix:' has no path", "write HOST:PORT or unix:PATH");
  if (!target->text.starts_with("unix:") && target->text.find("$(") == std::string::npos) {
    if (const absl::Status valid = CheckHostPort(target->text); !valid.ok())
      return NodeError(*target, fmt::format("trigger.grpc.target: {}", std::string(valid.message())),
                       "write HOST:PORT or unix:PATH");
  }
  const YamlNodePtr method = Find(node, "method");
  message.set_method(TextValue(*method));
  if (!IsGrpcMethod(message.method())) {
    return NodeError(*method, fmt::format("trigger.grpc.method cannot be {}", FlowText(*method)),
                     "write package.Service/Call");
  }
  if (absl::Status status = ReadGrpcPayload(node, message); !status.ok()) return status;
  if (const YamlNodePtr descriptors = Find(node, "descriptors")) message.set_descriptors(TextValue(*descriptors));
  if (const YamlNodePtr metadata = Find(node, "metadata")) {
    for (const YamlEntry& entry : metadata->entries) {
      if (const std::string wrong = WrongGrpcMetadata(entry.key->text, entry.value->text); !wrong.empty())
        return NodeError(*entry.key, "trigger.grpc.metadata: " + wrong,
                         "write {name-in-lower-case: text}, or leave it out");
      (*message.mutable_metadata())[entry.key->text] = entry.value->text;
    }
  }
  if (const YamlNodePtr tls = Find(node, "tls")) {
    message.set_tls(true);
    ReadTls(*tls, message);
  }
  const YamlNodePtr expect = Find(node, "expect");
  const YamlNodePtr code = expect == nullptr ? nullptr : Find(*expect, "status");
  if (code != nullptr) message.set_expect_code(GrpcCodeOf(code->text).value_or(0));
  message.set_connections(static_cast<uint32_t>(IntegerValue(Find(node, "connections"), 1)));
  return absl::OkStatus();
}

absl::Status ReadContainer(const YamlNode& node, v1::ContainerTrigger& message) {
  message.set_name(Find(node, "name")->text);
  const YamlNodePtr user = Find(node, "user");
  if (user != nullptr) message.set_user(TextValue(*user));
  const YamlNodePtr socket = Find(node, "socket");
  message.set_socket(socket == nullptr ? kDockerSocket : TextValue(*socket));
  message.set_in_flight(static_cast<uint32_t>(IntegerValue(Find(node, "in_flight"), kDefaultEngineInFlight)));
  return ReadProcess(node, message);
}

absl::Status ReadDriver(const YamlNode& node, v1::DriverTrigger& message) {
  if (const YamlNodePtr options = Find(node, "options")) {
    if (!options->IsMap())
      return NodeError(*options, "trigger.driver.options is not a map", "write options: {name: value, ...}");
    message.set_options(JsonTemplate(*options));
  }
  if (const YamlNodePtr task = Find(node, "task")) message.set_task(JsonTemplate(*Find(*task, "json")));
  message.set_batch(static_cast<uint32_t>(IntegerValue(Find(node, "batch"), kDefaultDriverBatch)));
  message.set_prepare_timeout_ns(DurationValueNs(Find(node, "prepare_timeout"), kDefaultPrepareNs));
  if (const YamlNodePtr sleep = Find(node, "sleep")) {
    if (absl::Status status = ReadSleep(*sleep, *message.mutable_sleep()); !status.ok()) return status;
  }
  return ReadProcess(node, message);
}

}  // namespace

absl::Status ReadTrigger(const YamlNode& node, v1::Trigger& message) {
  message.set_timeout_ns(DurationValueNs(Find(node, "timeout"), 0));
  if (const YamlNodePtr sleep = Find(node, "sleep"))
    return ReadSleep(*Find(*sleep, "for"), *message.mutable_sleep()->mutable_length());
  if (const YamlNodePtr http = Find(node, "http")) return ReadHttp(*http, *message.mutable_http());
  if (const YamlNodePtr grpc = Find(node, "grpc")) return ReadGrpc(*grpc, *message.mutable_grpc());
  if (const YamlNodePtr container = Find(node, "container"))
    return ReadContainer(*container, *message.mutable_container());
  if (const YamlNodePtr driver = Find(node, "driver")) return ReadDriver(*driver, *message.mutable_driver());
  const YamlNodePtr exec = Find(node, "exec");
  if (const YamlNodePtr input = Find(*exec, "stdin")) message.mutable_exec()->set_stdin(input->text);
  return ReadProcess(*exec, *message.mutable_exec());
}

}  // namespace assay
