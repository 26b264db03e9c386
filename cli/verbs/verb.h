#ifndef ASSAY_CLI_VERBS_VERB_H_
#define ASSAY_CLI_VERBS_VERB_H_

#include <functional>
#include <string>

namespace CLI {
class App;
}

namespace assay {

// What the chosen verb does; its result is the exit code. Runs after parsing, so that parse errors come first.
using Action = std::function<int()>;

// Each adds its subcommand, which sets `action` when it is chosen.
void AddRunVerb(CLI::App& app, Action& action);
void AddSweepVerbs(CLI::App& app, Action& action);
void AddAgentsVerb(CLI::App& app, Action& action);
void AddCalibrateVerb(CLI::App& app, Action& action);
void AddExportVerb(CLI::App& app, Action& action);
void AddCheckVerb(CLI::App& app, Action& action);
void AddSchemaVerb(CLI::App& app, Action& action);
void AddDriverVerb(CLI::App& app, Action& action);
void AddSqlVerb(CLI::App& app, Action& action);
void AddUpVerb(CLI::App& app, Action& action);
void AddDownVerb(CLI::App& app, Action& action);
void AddTargetVerb(CLI::App& app, Action& action);
void AddHelpVerb(CLI::App& app, Action& action);
std::string VersionText();
void AddVersionVerb(CLI::App& app, Action& action);

}  // namespace assay

#endif  // ASSAY_CLI_VERBS_VERB_H_
