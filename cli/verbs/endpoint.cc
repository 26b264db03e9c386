#include "cli/verbs/endpoint.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>

#include "cli/stack/data_dir.h"
#include "common/host_port.h"

namespace assay {

void AddEndpointOptions(CLI::App& verb, EndpointOptions& options) {
  verb.add_option("--coordinator", options.coordinator,
                  "Where the coordinator is (else $ASSAY_COORDINATOR, else the local stack)")
      ->type_name("HOST:PORT");
  verb.add_option("--data", options.data_dir, "Data directory of the local stack")->type_name("DIR");
  verb.add_flag("--json", options.json, "Print JSON lines (docs/json.md)");
}

absl::StatusOr<std::string> NamedCoordinator(const EndpointOptions& options) {
  std::string address = options.coordinator;
  const char* from_environment = std::getenv("ASSAY_COORDINATOR");
  // A --data on the command line means this machine, whatever the environment says.
  if (address.empty() && options.data_dir.empty() && from_environment != nullptr) address = from_environment;
  if (address.empty()) return address;
  if (const absl::Status good = CheckHostPort(address); !good.ok()) {
    return absl::InvalidArgumentError(fmt::format("{} {}",
                                                  options.coordinator.empty() ? "ASSAY_COORDINATOR" : "--coordinator",
                                                  std::string_view(good.message().data(), good.message().size())));
  }
  return address;
}

absl::StatusOr<Endpoint> FindEndpoint(const EndpointOptions& options, bool stored) {
  Endpoint endpoint;
  const absl::StatusOr<std::string> named = NamedCoordinator(options);
  if (!named.ok()) return named.status();
  if (!named->empty()) {
    endpoint.client = std::make_unique<ControlClient>(*named);
    return endpoint;
  }
  const absl::StatusOr<std::string> data_dir = ChooseDataDir(options.data_dir);
  if (!data_dir.ok()) return data_dir.status();
  if (const std::optional<StackFacts> facts = FindStack(*data_dir); facts && !facts->coordinator.empty()) {
    endpoint.client = std::make_unique<ControlClient>(facts->coordinator);
    return endpoint;
  }
  std::error_code error;
  const bool has_data = std::filesystem::exists(*data_dir + "/postgres", error);
  if (!stored) {
    return absl::UnavailableError(
        fmt::format("no coordinator: no local stack is up on {}; `assay up` starts one, --coordinator HOST:PORT or "
                    "ASSAY_COORDINATOR names one elsewhere",
                    *data_dir));
  }
  if (!has_data) {
    return absl::NotFoundError(fmt::format(
        "no results in {} yet; use `assay run FILE`, another --data DIR, or name a coordinator with --coordinator "
        "HOST:PORT",
        *data_dir));
  }
  LocalStackOptions stack_options;
  stack_options.data_dir = *data_dir;
  stack_options.agents = 0;
  absl::StatusOr<std::unique_ptr<LocalStack>> stack = LocalStack::Start(stack_options);
  if (!stack.ok()) return stack.status();
  endpoint.stack = std::move(*stack);
  endpoint.client = std::make_unique<ControlClient>(endpoint.stack->coordinator());
  return endpoint;
}

absl::StatusOr<SweepEndpoint> FindSweep(const EndpointOptions& options, const std::string& sweep, bool stored) {
  SweepEndpoint found;
  const auto [end, error] = std::from_chars(sweep.data(), sweep.data() + sweep.size(), found.sweep_id);
  const bool numbered = error == std::errc() && end == sweep.data() + sweep.size() && found.sweep_id > 0;
  if (!numbered && sweep != "last")
    return absl::InvalidArgumentError(fmt::format("'{}' is not a sweep's id; write its number, or `last`", sweep));
  absl::StatusOr<Endpoint> endpoint = FindEndpoint(options, stored);
  if (!endpoint.ok()) return endpoint.status();
  found.endpoint = std::move(*endpoint);
  if (numbered) return found;
  const absl::StatusOr<v1::ListSweepsReply> reply = found.endpoint.client->ListSweeps();
  if (!reply.ok()) return reply.status();
  for (const v1::SweepInfo& known : reply->sweeps()) found.sweep_id = std::max(found.sweep_id, known.sweep_id());
  if (found.sweep_id == 0) return absl::NotFoundError("there is no sweep yet");
  return found;
}

std::string AddressFromElsewhere(const std::string& address) {
  const size_t colon = address.rfind(':');
  const std::string host = address.substr(0, colon);
  if (colon == std::string::npos || (host != "0.0.0.0" && host != "[::]")) return address;
  char name[256] = "";
  return gethostname(name, sizeof(name) - 1) == 0 ? name + address.substr(colon) : address;
}

}  // namespace assay
