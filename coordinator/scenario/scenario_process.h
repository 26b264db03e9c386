#ifndef ASSAY_COORDINATOR_SCENARIO_SCENARIO_PROCESS_H_
#define ASSAY_COORDINATOR_SCENARIO_SCENARIO_PROCESS_H_

#include <absl/status/status.h>

#include "coordinator/scenario/yaml_node.h"

namespace assay {

inline constexpr const char* kDockerSocket = "/var/run/docker.sock";

// What exec triggers and hooks have in common: argv, env and cwd of a process, as checked. `message` is an ExecTrigger,
// a ContainerTrigger, a
// DriverTrigger or a Hook.
template <typename Message>
absl::Status ReadProcess(const YamlNode& node, Message& message) {
  const YamlNodePtr argv = Find(node, "argv");
  if (argv->items.front()->text.empty())
    return NodeError(*argv->items.front(), "the program's name is empty", "write argv: [program, argument, ...]");
  for (const YamlNodePtr& word : argv->items) message.add_argv(word->text);
  if (const YamlNodePtr env = Find(node, "env")) {
    for (const YamlEntry& entry : env->entries) (*message.mutable_env())[entry.key->text] = entry.value->text;
  }
  if (const YamlNodePtr cwd = Find(node, "cwd")) message.set_cwd(cwd->text);
  return absl::OkStatus();
}

}  // namespace assay

#endif  // ASSAY_COORDINATOR_SCENARIO_SCENARIO_PROCESS_H_
