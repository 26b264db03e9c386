#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <optional>

#include "cli/exit_code.h"
#include "cli/json_line.h"
#include "cli/results/view_rows.h"
#include "cli/stack/data_dir.h"
#include "cli/table.h"
#include "cli/verbs/endpoint.h"
#include "cli/verbs/place.h"
#include "cli/verbs/verb.h"
#include "cli/watch/follow_sweep.h"
#include "common/floor_bound.h"
#include "common/nearest_name.h"
#include "coordinator/scenario/plan.h"

namespace assay {
namespace {

struct CalibrateOptions {
  EndpointOptions endpoint;
  std::vector<std::string> kinds;
  std::vector<std::string> select;
  std::string container;
  std::string container_socket;
  uint32_t concurrency = 16;
};

struct Kind {
  const char* name;
  std::string trigger;  // as a scenario writes it; what it is fired at is the agent's to know
};

std::vector<Kind> KnownKinds(const CalibrateOptions& options) {
  const std::string socket =
      options.container_socket.empty() ? "" : fmt::format(", socket: {}", JsonString(options.container_socket));
  return {{"sleep", "for: 0s"},
          {"exec", R"(argv: ["true"])"},
          {"http", R"(url: "http://127.0.0.1/")"},
          {"grpc", R"(target: "127.0.0.1:1", method: assay.mock.v1.Echo/Call)"},
          {"driver", R"(argv: ["true"])"},
          {"container", fmt::format(R"(name: {}, argv: ["true"]{})", JsonString(options.container), socket)}};
}

absl::StatusOr<std::vector<Kind>> ChosenKinds(const CalibrateOptions& options) {
  std::vector<Kind> chosen;
  std::vector<std::string> names;
  const std::vector<Kind> known = KnownKinds(options);
  names.reserve(known.size());
  for (const Kind& kind : known) names.emplace_back(kind.name);
  for (const std::string& name : options.kinds) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    const std::optional<std::string> nearest = NearestName(name, names);
    return absl::InvalidArgumentError(
        fmt::format("--kinds '{}': there is no such kind of trigger; {}", name,
                    nearest ? fmt::format("did you mean '{}'?", *nearest)
                            : std::string("there are sleep, exec, http, grpc, driver and container")));
  }
  for (const Kind& kind : known) {
    const bool named = std::find(options.kinds.begin(), options.kinds.end(), kind.name) != options.kinds.end();
    const bool in_container = kind.name == std::string_view("container");
    if (in_container && named && options.container.empty()) {
      return absl::InvalidArgumentError(
          "--kinds container: say in which one, a running container of each agent's host that has `true`, with "
          "--container NAME");
    }
    if (named || (options.kinds.empty() && (!in_container || !options.container.empty()))) chosen.push_back(kind);
  }
  if (!options.container_socket.empty() && options.container.empty()) {
    return absl::InvalidArgumentError(fmt::format(
        "--container-socket '{}': say for which container too, with --container NAME", options.container_socket));
  }
  if (!options.container_socket.empty() && !options.container_socket.starts_with('/')) {
    return absl::InvalidArgumentError(fmt::format(
        "--container-socket '{}': write the path of the engine's unix socket on the agents' hosts, from / and "
        "without unix://, such as /run/podman/podman.sock",
        options.container_socket));
  }
  return chosen;
}

absl::StatusOr<v1::SweepSpec> AgentsOf(const CalibrateOptions& options) {
  v1::SweepSpec spec;
  spec.set_agents_min(1);
  for (const std::string& label : options.select) {
    const size_t equals = label.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == label.size())
      return absl::InvalidArgumentError(fmt::format("--select '{}': write key=value, such as role=load", label));
    (*spec.mutable_agents()->mutable_labels())[label.substr(0, equals)] = label.substr(equals + 1);
  }
  return spec;
}

std::string ScenarioOf(const std::vector<Kind>& kinds, const v1::SweepSpec& spec, uint32_t agents,
                       uint32_t concurrency) {
  std::string select;
  for (const auto& [key, value] : spec.agents().labels())
    select += fmt::format("{}{}: {}", select.empty() ? "" : ", ", JsonString(key), JsonString(value));
  std::string yaml = fmt::format(
      "name: calibrate\nabout: what triggers that do nothing cost; the runs themselves are one sleep of 0 per agent\n"
      "agents: {{select: {{{}}}, count: {}}}\nload: {{closed: {{concurrency: {}}}, triggers: {}}}\ntargets:\n",
      select, agents, uint64_t{agents} * concurrency, agents);
  for (const Kind& kind : kinds) yaml += fmt::format("  {0}: {{trigger: {{{0}: {{{1}}}}}}}\n", kind.name, kind.trigger);
  return yaml;
}

// "2026-05-08 12:00:00.5+00", as PostgreSQL writes it, in docs/json.md's form.
std::string InstantJson(const std::string& text) {
  if (text.size() < 19) return "null";
  std::string fraction = text.substr(19, text.find('+') - 19);
  if (fraction.empty()) fraction = ".";
  fraction.resize(7, '0');
  return fmt::format("\"{}T{}{}Z\"", text.substr(0, 10), text.substr(11, 8), fraction);
}

// An agent that measures none has a row without a kind.
std::string ProblemOf(const ViewRows& floors, size_t row) {
  return floors.Text(row, "kind").empty() ? "not measured: the agent runs with --calibrate 0"
                                          : floors.Text(row, "error");
}

std::string FloorsJson(const ViewRows& floors) {
  std::string text;
  for (size_t i = 0; i < floors.size(); ++i) {
    const auto number = [&](const char* column) {
      const std::string value = floors.Text(i, column);
      return fmt::format("\"{}\":{}", column, value.empty() ? "null" : value);
    };
    const std::string problem = ProblemOf(floors, i);
    text +=
        fmt::format("{{\"type\":\"floor\",\"agent\":{},\"kind\":{},{},{},{},{},{},\"measured_at\":{},\"error\":{}}}\n",
                    JsonString(floors.Text(i, "agent")), JsonString(floors.Text(i, "target")), number("concurrency"),
                    number("triggers"), number("rate_per_s"), number("service_p50_ms"), number("service_p99_ms"),
                    InstantJson(floors.Text(i, "measured_at")), problem.empty() ? "null" : JsonString(problem));
  }
  return text;
}

std::string FloorsTable(const ViewRows& floors) {
  TextTable table({"agent", "kind", "in flight", "per s", "p50 ms", "p99 ms", "measured (UTC)", "problem"});
  for (size_t i = 0; i < floors.size(); ++i) {
    const auto number = [&](const char* column, std::string (*format)(double)) {
      const std::optional<double> value = floors.Number(i, column);
      return value ? format(*value) : "-";
    };
    const auto ms = [](double value) { return FormatNumber(value); };
    table.AddRow({floors.Text(i, "agent"), floors.Text(i, "target"), floors.Text(i, "concurrency"),
                  number("rate_per_s", FormatRate), number("service_p50_ms", ms), number("service_p99_ms", ms),
                  floors.Text(i, "measured_at").substr(0, 19), ProblemOf(floors, i)});
  }
  return "\n" + table.Plain();
}

int Conclude(const CalibrateOptions& options, ControlClient& client, int64_t sweep_id, const Followed& followed) {
  absl::StatusOr<v1::ViewRows> rows = client.ReadView(sweep_id, "run_floors");
  if (!rows.ok()) return Fail(rows.status());
  const ViewRows floors(*std::move(rows));
  WriteAll(STDOUT_FILENO, options.endpoint.json ? FloorsJson(floors) : FloorsTable(floors));
  if (!followed.status.ok()) return Fail(followed.status);
  const ExitCode code = followed.interrupted ? kExitInterrupted : ExitCodeOf(followed.last.sweep());
  // Its runs tell nothing, and would only stand among those that do. The floors stay; so does a sweep that went wrong.
  if (code == kExitAccepted || code == kExitInterrupted) {
    if (const absl::Status removed = client.RemoveSweep(sweep_id); !removed.ok())
      fmt::print(stderr, "assay: {}\n", std::string(removed.message()));
  }
  if (code != kExitAccepted) return code;
  for (size_t i = 0; i < floors.size(); ++i) {
    if (!ProblemOf(floors, i).empty()) return kExitRejected;
  }
  return code;
}

int Calibrate(const CalibrateOptions& options) {
  const absl::StatusOr<std::vector<Kind>> kinds = ChosenKinds(options);
  if (!kinds.ok()) return Fail(kinds.status());
  const absl::StatusOr<v1::SweepSpec> spec = AgentsOf(options);
  if (!spec.ok()) return Fail(spec.status());

  Interrupts interrupts;
  ProgressPrinter printer(STDOUT_FILENO, ProgressPrinter::StyleFor(STDOUT_FILENO, options.endpoint.json));
  Place place;
  const absl::StatusOr<std::string> named = NamedCoordinator(options.endpoint);
  if (!named.ok()) return Fail(named.status());
  place.coordinator = *named;
  if (named->empty()) {
    const absl::StatusOr<std::string> data_dir = ChooseDataDir(options.endpoint.data_dir);
    if (!data_dir.ok()) return Fail(data_dir.status());
    absl::StatusOr<Place> local =
        FindPlace({*data_dir, "assay calibrate --select", std::nullopt, /*waits=*/false}, *spec, printer);
    if (interrupts.Take()) return kExitInterrupted;
    if (!local.ok()) return Fail(local.status());
    place = *std::move(local);
  }
  ControlClient client(place.coordinator);
  v1::ListAgentsRequest matching;
  *matching.mutable_select() = spec->agents();
  const absl::StatusOr<v1::ListAgentsReply> agents = client.ListAgents(matching);
  if (!agents.ok()) return Fail(agents.status());
  if (agents->agents().empty()) {
    const bool any = spec->agents().labels().empty();
    return Fail(absl::FailedPreconditionError(fmt::format(
        "no agent{}{} is connected; start one on each host with: assay-agent --coordinator {} --name NAME{}",
        any ? "" : " with", SelectorText(spec->agents()), AddressFromElsewhere(place.coordinator),
        SelectorText(spec->agents(), " --label "))));
  }
  v1::StartSweepRequest request;
  request.set_scenario_yaml(
      ScenarioOf(*kinds, *spec, static_cast<uint32_t>(agents->agents_size()), options.concurrency));
  request.set_file_name("assay calibrate");
  request.set_floors_only(true);
  const absl::StatusOr<v1::StartSweepReply> started = client.StartSweep(request);
  if (!started.ok()) return Fail(started.status());
  const Followed followed = FollowSweep(place.coordinator, started->sweep_id(), interrupts, printer,
                                        {.cancel_on_interrupt = true, .show_results = false, .stack = place.own.get()});
  if (followed.left) return followed.interrupted ? kExitInterrupted : static_cast<int>(Fail(followed.status));
  return Conclude(options, client, started->sweep_id(), followed);
}

}  // namespace

void AddCalibrateVerb(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand(
      "calibrate", "Measure what the harness itself costs on each agent: triggers that do nothing, by kind");
  auto options = std::make_shared<CalibrateOptions>();
  verb->add_option("--kinds", options->kinds,
                   "Of sleep, exec, http, grpc, driver and container (default: all; container with --container only)")
      ->type_name("KIND[,KIND]")
      ->delimiter(',')
      ->allow_extra_args(false);
  verb->add_option("--concurrency", options->concurrency, "Triggers in flight at once on each agent")
      ->type_name("N")
      ->check(CLI::Range(1U, kMostNullTriggers).description(""))
      ->capture_default_str();
  verb->add_option("--container", options->container, "A running container of each agent's host that has `true`")
      ->type_name("NAME");
  verb->add_option("--container-socket", options->container_socket,
                   "Its engine's unix socket on each agent's host (default: /var/run/docker.sock)")
      ->type_name("PATH");
  verb->add_option("--select", options->select, "Only agents with this label; may be repeated")
      ->type_name("KEY=VALUE")
      ->take_all()
      ->allow_extra_args(false);
  AddEndpointOptions(*verb, options->endpoint);
  verb->footer(fmt::format(
      "Example:  assay calibrate --kinds exec,http --concurrency 16\n\n"
      "Measured anew even where a floor is known, and kept: select * from floors where latest. Without a coordinator\n"
      "the local stack is started, as by `assay run`. A floor that cannot be measured ends with 3.\n{}",
      kExitCodesHelp));
  verb->callback([&action, options] { action = [options] { return Calibrate(*options); }; });
}

}  // namespace assay
