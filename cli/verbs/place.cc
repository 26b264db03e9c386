#include "cli/verbs/place.h"

#include <fmt/format.h>

#include "cli/control_client.h"
#include "cli/stack/local_agents.h"
#include "cli/stack/stack_file.h"
#include "cli/verbs/endpoint.h"
#include "coordinator/scenario/plan.h"

namespace assay {
namespace {

std::string Agents(uint32_t count) { return fmt::format("{} {}", count, count == 1 ? "agent" : "agents"); }

// Agents of other hosts may have joined it, and its own may have died: only its coordinator knows.
absl::StatusOr<Place> UseKeptStack(const PlaceRequest& request, const v1::SweepSpec& spec, const StackFacts& up,
                                   ProgressPrinter& printer) {
  v1::ListAgentsRequest for_sweep;
  *for_sweep.mutable_select() = spec.agents();
  const absl::StatusOr<v1::ListAgentsReply> matching = ControlClient(up.coordinator).ListAgents(for_sweep);
  if (!matching.ok()) return matching.status();
  Place place;
  place.coordinator = up.coordinator;
  const auto agents = static_cast<uint32_t>(matching->agents_size());
  const std::string labels = spec.agents().labels().empty() ? std::string() : " with" + SelectorText(spec.agents());
  printer.Notice(fmt::format("using the local stack that is up on {} (coordinator {}, {}{})", request.data_dir,
                             up.coordinator, Agents(agents), labels));
  if (request.agents && *request.agents != up.agents) {
    printer.Notice(fmt::format("--agents {0} has no effect on it; `assay down` and `assay up --agents {0}` change it",
                               *request.agents));
  }
  if (request.waits && agents < spec.agents_min()) {
    printer.Notice(fmt::format(
        "the scenario asks for {}{}: until more join, the sweep waits; `assay down` and `assay up --agents N` start "
        "more here, `assay-agent --coordinator {}{}` one on another host",
        Agents(spec.agents_min()), labels, AddressFromElsewhere(up.coordinator),
        SelectorText(spec.agents(), " --label ")));
  }
  return place;
}

}  // namespace

absl::StatusOr<Place> FindPlace(const PlaceRequest& request, const v1::SweepSpec& spec, ProgressPrinter& printer) {
  if (const std::optional<StackFacts> up = FindStack(request.data_dir); up && up->kept)
    return UseKeptStack(request, spec, *up, printer);
  const uint32_t agents = request.agents.value_or(DefaultLocalAgents(spec));
  if (const absl::Status enough = CheckLocalAgents(spec, agents, request.scenario_file); !enough.ok()) return enough;
  printer.Notice(fmt::format("starting PostgreSQL, a coordinator and {} in {}", Agents(agents), request.data_dir));
  LocalStackOptions stack_options;
  stack_options.data_dir = request.data_dir;
  stack_options.agents = agents;
  absl::StatusOr<std::unique_ptr<LocalStack>> stack = LocalStack::Start(stack_options);
  if (!stack.ok()) return stack.status();
  Place place;
  place.own = std::move(*stack);
  place.coordinator = place.own->coordinator();
  return place;
}

}  // namespace assay
