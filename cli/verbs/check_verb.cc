#include <fmt/format.h>
#include <fmt/ranges.h>
#include <google/protobuf/message.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cli/exit_code.h"
#include "cli/stack/data_dir.h"
#include "cli/stack/local_agents.h"
#include "cli/verbs/scenario_file.h"
#include "cli/verbs/verb.h"
#include "cli/watch/progress_printer.h"
#include "common/secrets.h"
#include "coordinator/scenario/plan_text.h"

namespace assay {
namespace {

struct CheckOptions {
  ScenarioArguments scenario;
  std::optional<uint32_t> agents;
  std::string data_dir;
  bool json = false;
};

std::string WhoseNumber(const v1::SweepSpec& spec) {
  const uint32_t started = DefaultLocalAgents(spec);
  if (!CheckLocalAgents(spec, started, "").ok()) return "as it asks for (--agents N: for N)";
  return fmt::format("of the {} that `assay run` starts (--agents N: for N)", started);
}

// A line for all secrets that are nowhere, and one for each that cannot be read. They are looked for where `assay run`
// does; agents on other hosts have directories of their own.
std::vector<std::string> SecretWarnings(const Plan& plan, const std::string& data_dir) {
  const absl::StatusOr<std::string> chosen = ChooseDataDir(data_dir);
  const Secrets secrets(chosen.ok() ? *chosen + "/secrets" : "");
  std::set<std::string> names;
  std::vector<std::string> nowhere;  // all but the first of them
  std::vector<std::string> warnings;
  std::string first;
  const auto look = [&](const google::protobuf::Message& spec) {
    for (const MissingSecret& missing : secrets.Missing(spec)) {
      if (!names.insert(missing.name).second) continue;
      if (!absl::IsNotFound(missing.why)) {
        warnings.emplace_back(missing.why.message());
      } else if (first.empty()) {
        first = std::string(missing.why.message());
      } else {
        nowhere.push_back(missing.name);
      }
    }
  };
  look(plan.spec);
  for (const PlannedCell& cell : plan.cells) look(cell.spec);
  if (!first.empty()) {
    warnings.push_back(
        first +
        ", before its runs begin (`assay target up` writes those of its target); agents on other hosts look on theirs");
    if (!nowhere.empty()) warnings.back() += fmt::format("; the same of {}", fmt::join(nowhere, ", "));
  }
  return warnings;
}

int Check(const CheckOptions& options) {
  absl::StatusOr<ScenarioFile> scenario = ReadScenarioFile(options.scenario);
  if (!scenario.ok()) return Fail(scenario.status());
  Plan& plan = scenario->plan;
  const uint32_t agents = options.agents.value_or(FiringLocalAgents(plan.spec));
  const std::string assumed = options.agents ? "" : WhoseNumber(plan.spec);
  if (agents < plan.spec.agents_min()) {
    plan.warnings.push_back(
        fmt::format("--agents {} is fewer than the scenario's agents.count {}: with so few no run begins", agents,
                    plan.spec.agents_min()));
  }
  for (std::string& warning : SecretWarnings(plan, options.data_dir)) plan.warnings.push_back(std::move(warning));
  std::string text = options.json ? DescribePlanJson(plan, agents, assumed) : DescribePlan(plan, agents, assumed);
  if (!text.ends_with('\n')) text += '\n';
  return WriteAll(STDOUT_FILENO, text) ? kExitAccepted : kExitFailure;
}

}  // namespace

void AddCheckVerb(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("check", "Validate a scenario and print its plan; runs nothing");
  auto options = std::make_shared<CheckOptions>();
  AddScenarioArguments(*verb, options->scenario);
  verb->add_option("--agents", options->agents,
                   "Plan for so many agents that fire (default: as many as of those that `assay run` starts)")
      ->type_name("N")
      ->check(CLI::Range(1, 100000).description(""));
  verb->add_option("--data", options->data_dir,
                   "Whose DIR/secrets the scenario's secrets are looked for in (as of run)")
      ->type_name("DIR");
  verb->add_flag("--json", options->json, "Print the plan as JSON");
  verb->footer(
      fmt::format("Example:  assay check scenario.yaml --set 'tasks=[100000]' --agents 8\n\n{}", kExitCodesHelp));
  verb->callback([&action, options] { action = [options] { return Check(*options); }; });
}

}  // namespace assay
