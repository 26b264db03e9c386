#include "coordinator/scenario/rule_parts.h"

namespace assay::rules {
namespace {

const Rule kWaitFor{.kind = ValueKind::kWord, .words = {"running", "healthy"}};
Shape ActionShape(const Rule& name) {
  return {
      .fields = {{"restart", &name, "stopped and started again: those that run, or all if none does", false, true},
                 {"stop", &name, "until it has ended", false, true},
                 {"start", &name, "", false, true},
                 {"wait", &kWaitFor, "for each that is started, before the next one is; default: no wait"},
                 {"socket", &kSocket, "the engine's unix socket on the agent's host; default: /var/run/docker.sock"}},
      .atomic = true,
      .choice_required = true};
}
Shape HookShape(const Rule& text, const Rule& argv, const Rule& env, const Rule& action,
                std::string_view timeout = "it fails when it takes longer; default: 60s") {
  return {.fields = {{"argv", &argv, "program and arguments, started without a shell; it must exit 0", false, true},
                     {"container", &action, "stops and starts a container, by its name or id", false, true},
                     {"compose", &action, "stops and starts the containers of a Compose project", false, true},
                     {"env", &env, "added to the environment"},
                     {"cwd", &text, "directory to start in"},
                     {"timeout", &kTimeout, timeout},
                     {"where", &kHookWhere,
                      "coordinator, or labels: on every agent that has them (default: every agent that fires)"}},
          .choice_required = true};
}
const Rule kSweepHookText = Template(kNameAgent);
const Rule kSweepHookArgv = ListOf(kSweepHookText, 1, 1'000);
const Rule kSweepHookEnv = TextMapOf(kSweepHookText);
const Rule kSweepActionName = EngineName(kNameAgent);
const Shape kSweepActionShape = ActionShape(kSweepActionName);
const Rule kSweepAction = MapOf(kSweepActionShape);
const Shape kSweepHookShape = HookShape(kSweepHookText, kSweepHookArgv, kSweepHookEnv, kSweepAction);
const Rule kSweepHook = MapOf(kSweepHookShape);
const Shape kTargetHookShape = HookShape(kSweepHookText, kSweepHookArgv, kSweepHookEnv, kSweepAction,
                                         "it fails when it takes longer; default: 10m");
const Rule kRunHookText = Template(kRunNames);
const Rule kRunHookArgv = ListOf(kRunHookText, 1, 1'000);
const Rule kRunHookEnv = TextMapOf(kRunHookText);
const Rule kRunActionName = EngineName(kRunNames);
const Shape kRunActionShape = ActionShape(kRunActionName);
const Rule kRunAction = MapOf(kRunActionShape);
const Shape kRunHookShape = HookShape(kRunHookText, kRunHookArgv, kRunHookEnv, kRunAction);
const Rule kRunHook = MapOf(kRunHookShape);
const Field kBeforeRun{"before_run", &kRunHook, "before every run, when its agents are chosen"};
const Field kAfterRun{"after_run", &kRunHook, "after every run"};
const Shape kHooksShape{.fields = {{"before_sweep", &kSweepHook, "once, before the first run"},
                                   {"after_sweep", &kSweepHook, "once, after the last run"},
                                   kBeforeRun,
                                   kAfterRun}};
const Shape kRunHooksShape{.fields = {kBeforeRun, kAfterRun}};

}  // namespace

const Rule kHooks = MapOf(kHooksShape);
const Rule kRunHooks = MapOf(kRunHooksShape);
const Rule kTargetHook = MapOf(kTargetHookShape);

}  // namespace assay::rules
