#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>

#include "cli/exit_code.h"
#include "cli/stack/local_agents.h"
#include "cli/verbs/scenario_file.h"
#include "cli/verbs/verb.h"
#include "cli/watch/progress_printer.h"
#include "coordinator/scenario/plan_text.h"

namespace assay {
namespace {

struct CheckOptions {
  ScenarioArguments scenario;
  std::optional<uint32_t> agents;
  bool json = false;
};

int Check(const CheckOptions& options) {
  absl::StatusOr<ScenarioFile> scenario = ReadScenarioFile(options.scenario);
  if (!scenario.ok()) return Fail(scenario.status());
  Plan& plan = scenario->plan;
  const uint32_t agents = options.agents.value_or(DefaultLocalAgents(plan.spec));
  if (agents < plan.spec.agents_min()) {
    plan.warnings.push_back(
        fmt::format("--agents {} is fewer than the scenario's agents.count {}: with so few no run begins", agents,
                    plan.spec.agents_min()));
  }
  std::string text = options.json ? DescribePlanJson(plan, agents) : DescribePlan(plan, agents);
  if (!text.ends_with('\n')) text += '\n';
  return WriteAll(STDOUT_FILENO, text) ? kExitAccepted : kExitFailure;
}

}  // namespace

void AddCheckVerb(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("check", "Validate a scenario and print its plan; runs nothing");
  auto options = std::make_shared<CheckOptions>();
  AddScenarioArguments(*verb, options->scenario);
  verb->add_option("--agents", options->agents, "Plan for so many agents (default: as many as `assay run` starts)")
      ->type_name("N")
      ->check(CLI::Range(1, 100000).description(""));
  verb->add_flag("--json", options->json, "Print the plan as JSON");
  verb->footer(
      fmt::format("Example:  assay check scenario.yaml --set 'tasks=[100000]' --agents 8\n\n{}", kExitCodesHelp));
  verb->callback([&action, options] { action = [options] { return Check(*options); }; });
}

}  // namespace assay
