#include "agent/triggers/null_trigger.h"

#include "agent/triggers/null_driver.h"

namespace assay {

std::optional<NullTrigger> NullTriggerOf(const v1::Trigger& trigger) {
  NullTrigger null;
  switch (trigger.kind_case()) {
    case v1::Trigger::kSleep:
      null.kind = "sleep";
      null.trigger.mutable_sleep()->mutable_length()->set_fixed_ns(0);
      return null;
    case v1::Trigger::kExec:
      null.kind = "exec";
      null.trigger.mutable_exec()->add_argv("true");
      return null;
    case v1::Trigger::kContainer: {
      null.kind = "container";
      v1::ContainerTrigger& container = *null.trigger.mutable_container();
      container = trigger.container();
      container.clear_argv();
      container.add_argv("true");
      container.clear_env();
      container.clear_cwd();
      return null;
    }
    case v1::Trigger::kHttp: {
      null.kind = "http";
      null.echo_protocol = "http";
      v1::HttpTrigger& http = *null.trigger.mutable_http();
      http.set_method("GET");
      http.set_version(v1::HttpTrigger::HTTP1);
      v1::HttpTrigger::StatusRange& ok = *http.add_expect();
      ok.set_from(200);
      ok.set_to(200);
      return null;
    }
    case v1::Trigger::kGrpc: {
      null.kind = "grpc";
      null.echo_protocol = "grpc";
      v1::GrpcTrigger& grpc = *null.trigger.mutable_grpc();
      grpc.set_method("assay.mock.v1.Echo/Call");
      // How many calls share one connection bounds their rate.
      grpc.set_connections(trigger.grpc().connections());
      return null;
    }
    case v1::Trigger::kDriver: {
      null.kind = "driver";
      null.echo_protocol = kNullDriver;
      v1::DriverTrigger& driver = *null.trigger.mutable_driver();
      driver.set_batch(trigger.driver().batch());
      return null;
    }
    default:
      return std::nullopt;
  }
}

void PointAtEcho(v1::Trigger& null_trigger, const std::string& address) {
  if (null_trigger.has_http()) null_trigger.mutable_http()->set_url("http://" + address + "/echo");
  if (null_trigger.has_grpc()) null_trigger.mutable_grpc()->set_target(address);
}

}  // namespace assay
