#include "coordinator/scenario/scenario_fields.h"

#include <fmt/format.h>

#include "common/units.h"
#include "coordinator/scenario/scalar_value.h"
#include "coordinator/scenario/scenario_collect.h"
#include "coordinator/scenario/scenario_completion.h"
#include "coordinator/scenario/scenario_load.h"
#include "coordinator/scenario/scenario_process.h"
#include "coordinator/scenario/scenario_trigger.h"

namespace assay {
namespace {

constexpr int64_t kDefaultHookTimeoutNs = 60'000'000'000;
// A whole system comes up.
constexpr int64_t kDefaultTargetHookTimeoutNs = 600'000'000'000;
constexpr int64_t kSampleEveryNs = 1'000'000'000;
constexpr int64_t kDefaultCooldownNs = 5'000'000'000;
constexpr uint32_t kDefaultRepeats = 2;
constexpr uint64_t kDefaultCellLimit = 500;

v1::Selector Labels(const YamlNode& node) {
  v1::Selector selector;
  for (const YamlEntry& entry : node.entries) (*selector.mutable_labels())[entry.key->text] = TextValue(*entry.value);
  return selector;
}

absl::Status ReadAction(const YamlNode& node, bool compose, v1::ContainerAction& message) {
  for (const auto& [key, action] :
       {std::pair{"restart", v1::ContainerAction::RESTART}, std::pair{"stop", v1::ContainerAction::STOP},
        std::pair{"start", v1::ContainerAction::START}}) {
    const YamlNodePtr name = Find(node, key);
    if (name == nullptr) continue;
    message.set_action(action);
    compose ? message.set_compose_project(name->text) : message.set_container(name->text);
  }
  const YamlNodePtr socket = Find(node, "socket");
  message.set_socket(socket == nullptr ? kDockerSocket : TextValue(*socket));
  if (const YamlNodePtr wait = Find(node, "wait")) {
    if (message.action() == v1::ContainerAction::STOP)
      return NodeError(*wait, "wait goes only with restart and start: what is stopped is waited for", "leave it out");
    message.set_wait(wait->text == "healthy" ? v1::ContainerAction::HEALTHY : v1::ContainerAction::RUNNING);
  }
  return absl::OkStatus();
}

absl::Status ReadHook(const YamlNode& node, v1::Hook& message, int64_t default_timeout_ns = kDefaultHookTimeoutNs) {
  message.set_timeout_ns(DurationValueNs(Find(node, "timeout"), default_timeout_ns));
  const YamlNodePtr where = Find(node, "where");
  if (where != nullptr && where->IsScalar()) {
    message.set_on_coordinator(true);
  } else if (where != nullptr) {
    *message.mutable_where() = Labels(*where);
  }
  const YamlNodePtr container = Find(node, "container");
  const YamlNodePtr compose = Find(node, "compose");
  if (container == nullptr && compose == nullptr) return ReadProcess(node, message);
  if (message.on_coordinator()) {
    return NodeError(*where, "a hook on containers runs on an agent, not on the coordinator",
                     "name the agent by its labels, where: {role: target}");
  }
  for (const char* key : {"env", "cwd"}) {
    if (const YamlNodePtr given = Find(node, key))
      return NodeError(*given, fmt::format("{} in a hook goes only with argv", key), "leave it out");
  }
  return ReadAction(compose != nullptr ? *compose : *container, compose != nullptr, *message.mutable_containers());
}

v1::Sampling ReadSample(const YamlNode& node) {
  v1::Sampling message;
  message.set_every_ns(DurationValueNs(Find(node, "every"), kSampleEveryNs));
  message.set_cooldown_ns(DurationValueNs(Find(node, "cooldown"), kDefaultCooldownNs));
  const YamlNodePtr host = Find(node, "host");
  message.set_host(host == nullptr || host->text == "true");
  const YamlNodePtr run = Find(node, "run");
  message.set_run(run != nullptr && run->text == "true");
  if (const YamlNodePtr where = Find(node, "where")) *message.mutable_where() = Labels(*where);
  if (const YamlNodePtr cgroups = Find(node, "cgroups")) {
    for (const YamlNodePtr& glob : cgroups->items) message.add_cgroups(TextValue(*glob));
  }
  const auto read = [&node](std::string_view key, auto* into) {
    const YamlNodePtr globs = Find(node, key);
    if (globs == nullptr) return;
    for (const YamlNodePtr& glob : globs->items) into->Add(TextValue(*glob));
  };
  read("containers", message.mutable_containers());
  read("compose", message.mutable_compose());
  read("units", message.mutable_units());
  read("pods", message.mutable_pods());
  if (const YamlNodePtr labels = Find(node, "labels")) *message.mutable_labels() = Labels(*labels).labels();
  if (const YamlNodePtr socket = Find(node, "socket")) message.set_socket(TextValue(*socket));
  return message;
}

}  // namespace

absl::StatusOr<v1::CellSpec> ReadCell(const YamlNode& cell, ScenarioFiles& files) {
  v1::CellSpec spec;
  if (absl::Status status = ReadTrigger(*Find(cell, "trigger"), *spec.mutable_trigger()); !status.ok()) return status;
  if (absl::Status status = ReadLoad(*Find(cell, "load"), files.traces, *spec.mutable_load()); !status.ok())
    return status;
  // A sleep is no target's work: it runs in the agents' slots.
  if (!spec.trigger().has_sleep()) spec.set_slots(static_cast<uint32_t>(IntegerValue(Find(cell, "slots"), 0)));
  if (const YamlNodePtr completion = Find(cell, "completion")) {
    if (absl::Status status = ReadCompletion(*completion, files.queries, *spec.mutable_trigger()); !status.ok())
      return status;
  }
  if (const YamlNodePtr sample = Find(cell, "sample")) *spec.mutable_sampling() = ReadSample(*sample);
  if (const YamlNodePtr collect = Find(cell, "collect")) {
    if (absl::Status status = ReadCollect(*collect, files.queries, spec); !status.ok()) return status;
  }
  const YamlNodePtr hooks = Find(cell, "hooks");
  if (hooks == nullptr) return spec;
  if (const YamlNodePtr hook = Find(*hooks, "before_run")) {
    if (absl::Status status = ReadHook(*hook, *spec.mutable_before_run()); !status.ok()) return status;
  }
  if (const YamlNodePtr hook = Find(*hooks, "after_run")) {
    if (absl::Status status = ReadHook(*hook, *spec.mutable_after_run()); !status.ok()) return status;
  }
  return spec;
}

absl::StatusOr<v1::TargetHooks> ReadTargetHooks(const std::string& target, const YamlNode& node) {
  v1::TargetHooks hooks;
  hooks.set_target(target);
  if (const YamlNodePtr setup = Find(node, "setup")) {
    absl::Status status = ReadHook(*setup, *hooks.mutable_setup(), kDefaultTargetHookTimeoutNs);
    if (!status.ok()) return status;
  }
  if (const YamlNodePtr teardown = Find(node, "teardown")) {
    absl::Status status = ReadHook(*teardown, *hooks.mutable_teardown(), kDefaultTargetHookTimeoutNs);
    if (!status.ok()) return status;
  }
  return hooks;
}

absl::StatusOr<v1::SweepSpec> ReadSweep(const YamlNode& scenario) {
  v1::SweepSpec spec;
  spec.set_name(Find(scenario, "name")->text);
  if (const YamlNodePtr about = Find(scenario, "about")) spec.set_about(TextValue(*about));
  spec.set_seed(IntegerValue(Find(scenario, "seed"), 1));
  spec.set_blocks(static_cast<uint32_t>(IntegerValue(Find(scenario, "blocks"), 1)));
  const YamlNodePtr agents = Find(scenario, "agents");
  const YamlNodePtr select = agents == nullptr ? nullptr : Find(*agents, "select");
  spec.mutable_agents();
  if (select != nullptr) *spec.mutable_agents() = Labels(*select);
  spec.set_agents_min(static_cast<uint32_t>(IntegerValue(agents == nullptr ? nullptr : Find(*agents, "count"), 1)));
  if (const YamlNodePtr hooks = Find(scenario, "hooks")) {
    if (const YamlNodePtr hook = Find(*hooks, "before_sweep")) {
      if (absl::Status status = ReadHook(*hook, *spec.mutable_before_sweep()); !status.ok()) return status;
    }
    if (const YamlNodePtr hook = Find(*hooks, "after_sweep")) {
      if (absl::Status status = ReadHook(*hook, *spec.mutable_after_sweep()); !status.ok()) return status;
    }
  }
  spec.set_repeat_limit(kDefaultRepeats);
  if (const YamlNodePtr loss = Find(scenario, "on_agent_loss")) {
    spec.set_repeat_limit(0);
    if (loss->IsMap())
      spec.set_repeat_limit(static_cast<uint32_t>(IntegerValue(Find(*loss, "repeat"), kDefaultRepeats)));
    if (loss->text == "fail") spec.set_on_agent_loss(v1::SweepSpec::FAIL);
    if (loss->text == "accept") spec.set_on_agent_loss(v1::SweepSpec::ACCEPT);
  }
  const YamlNodePtr limits = Find(scenario, "limits");
  const auto limit = [&](std::string_view key) { return limits == nullptr ? nullptr : Find(*limits, key); };
  v1::Limits& message = *spec.mutable_limits();
  message.set_failures_fraction(limit("failures") == nullptr ? -1
                                                             : ParseFraction(limit("failures")->text).value_or(-1));
  message.set_slip_p99_ns(DurationValueNs(limit("slip_p99"), -1));
  message.set_start_skew_ns(DurationValueNs(limit("start_skew"), -1));
  return spec;
}

uint64_t ReadCellLimit(const YamlNode& scenario) {
  const YamlNodePtr cells = Find(scenario, "cells");
  return IntegerValue(cells == nullptr ? nullptr : Find(*cells, "limit"), kDefaultCellLimit);
}

}  // namespace assay
