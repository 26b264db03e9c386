#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/exit_code.h"
#include "cli/json_line.h"
#include "cli/table.h"
#include "cli/verbs/endpoint.h"
#include "cli/verbs/verb.h"
#include "cli/watch/progress_printer.h"
#include "common/units.h"

namespace assay {
namespace {

// What waits there for the coordinator, and what there is room for: near it the agent stops firing.
std::string SpoolText(const v1::AgentInfo& agent) {
  const std::string bytes = FormatBytes(agent.spool_bytes());
  return agent.spool_limit_bytes() == 0 ? bytes
                                        : fmt::format("{} of {}", bytes, FormatBytes(agent.spool_limit_bytes()));
}

std::string LabelsText(const v1::AgentInfo& agent) {
  std::string text;
  for (const v1::Label& label : agent.labels())
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", label.key(), label.value());
  return text;
}

int Agents(const EndpointOptions& options) {
  const absl::StatusOr<Endpoint> endpoint = FindEndpoint(options, /*stored=*/false);
  if (!endpoint.ok()) return Fail(endpoint.status());
  const absl::StatusOr<v1::ListAgentsReply> reply = endpoint->client->ListAgents();
  if (!reply.ok()) return Fail(reply.status());
  std::string text;
  if (options.json) {
    for (const v1::AgentInfo& agent : reply->agents()) text += JsonLine("agent", agent) + "\n";
  } else {
    TextTable table(
        {"agent", "host", "state", "labels", "cpus", "cgroups", "clock ms", "+-", "spool", "doing", "problem"});
    for (const v1::AgentInfo& agent : reply->agents()) {
      table.AddRow({agent.name(), agent.host(), agent.state(), LabelsText(agent), std::to_string(agent.cpus()),
                    agent.cgroup_layout(), FormatNumber(agent.clock_offset_ms()), FormatNumber(agent.clock_bound_ms()),
                    SpoolText(agent), agent.doing(), agent.problem()});
    }
    text = table.empty() ? fmt::format(
                               "no agents; start one on each host with: assay-agent --coordinator {} --name NAME "
                               "--label role=load\n",
                               AddressFromElsewhere(endpoint->client->address()))
                         : table.Plain();
  }
  WriteAll(STDOUT_FILENO, text);
  return kExitAccepted;
}

}  // namespace

void AddAgentsVerb(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("agents", "List the agents: state, labels, clock offset and bound, problems");
  auto options = std::make_shared<EndpointOptions>();
  AddEndpointOptions(*verb, *options);
  verb->footer(fmt::format("Example:  assay agents --coordinator head:7420\n\n{}", kExitCodesHelp));
  verb->callback([&action, options] { action = [options] { return Agents(*options); }; });
}

}  // namespace assay
