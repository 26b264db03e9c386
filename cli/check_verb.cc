#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/exit_code.h"
#include "cli/progress_printer.h"
#include "cli/scenario_file.h"
#include "cli/verb.h"
#include "coordinator/scenario/plan_text.h"
#include "coordinator/scenario/scenario_loader.h"

namespace assay {
namespace {

struct CheckOptions {
  ScenarioArguments scenario;
  uint32_t agents = 2;
  bool json = false;
};

int Check(const CheckOptions& options) {
  const absl::StatusOr<std::string> yaml = ReadScenarioFile(options.scenario.file);
  if (!yaml.ok()) return Fail(yaml.status());
  const absl::StatusOr<Plan> plan = LoadScenario(*yaml, options.scenario.file, options.scenario.sets);
  if (!plan.ok()) return Fail(plan.status());
  std::string text = options.json ? DescribePlanJson(*plan, options.agents) : DescribePlan(*plan, options.agents);
  if (!text.ends_with('\n')) text += '\n';
  return WriteAll(STDOUT_FILENO, text) ? kExitAccepted : kExitFailure;
}

}  // namespace

void AddCheckVerb(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("check", "Validate a scenario and print its plan; runs nothing");
  auto options = std::make_shared<CheckOptions>();
  AddScenarioArguments(*verb, options->scenario);
  verb->add_option("--agents", options->agents, "Plan for so many agents")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  verb->add_flag("--json", options->json, "Print the plan as JSON");
  verb->footer(
      fmt::format("Example:  assay check scenario.yaml --set 'tasks=[100000]' --agents 8\n\n{}", kExitCodesHelp));
  verb->callback([&action, options] { action = [options] { return Check(*options); }; });
}

}  // namespace assay
