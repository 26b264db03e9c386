#include "cli/verbs/scenario_file.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "common/units.h"
#include "coordinator/scenario/scenario_loader.h"
#include "coordinator/scenario/yaml_source.h"

namespace assay {
namespace {

absl::StatusOr<std::string> ReadAtMost(const std::string& path, size_t bytes) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return absl::InvalidArgumentError("is a directory, not a file");
  std::FILE* in = path == "-" ? stdin : std::fopen(path.c_str(), "rb");
  if (in == nullptr) return absl::InvalidArgumentError(fmt::format("cannot read it: {}", std::strerror(errno)));
  std::string text(bytes, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), in));
  const bool failed = std::ferror(in) != 0;
  if (in != stdin) std::fclose(in);
  if (failed) return absl::InvalidArgumentError("cannot read it");
  return text;
}

}  // namespace

void AddScenarioArguments(CLI::App& verb, ScenarioArguments& arguments) {
  verb.add_option("FILE", arguments.file, "Scenario (YAML; docs/scenario.md)")->required()->type_name("");
  // One value per --set, or it would swallow FILE.
  verb.add_option("--set", arguments.sets,
                  "Override: tasks=[1000,100000] for an axis, blocks=5 for a key; may be repeated")
      ->type_name("K=V")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false);
}

absl::StatusOr<ScenarioFile> ReadScenarioFile(const ScenarioArguments& arguments) {
  // One byte too many is enough for the loader to refuse it, with its place.
  absl::StatusOr<std::string> yaml = ReadAtMost(arguments.file, kMaxYamlBytes + 1);
  if (!yaml.ok())
    return absl::InvalidArgumentError(fmt::format("{}: {}", arguments.file, std::string(yaml.status().message())));
  ScenarioFile scenario;
  scenario.request.set_scenario_yaml(*std::move(yaml));
  scenario.request.set_file_name(arguments.file);
  for (const std::string& set : arguments.sets) scenario.request.add_sets(set);
  size_t bytes = 0;
  const FileReader read = [&](const std::string& path) -> absl::StatusOr<std::string> {
    absl::StatusOr<std::string> content = ReadAtMost(path, kMaxTraceBytes + 1);
    if (!content.ok()) return content;
    bytes += content->size();
    if (bytes > kMaxTraceBytes) {
      std::error_code ignored;
      return absl::InvalidArgumentError(fmt::format("it has {}; at most {} of traces and queries go with a scenario",
                                                    FormatBytes(std::filesystem::file_size(path, ignored)),
                                                    FormatBytes(kMaxTraceBytes)));
    }
    (*scenario.request.mutable_files())[path] = *content;
    return content;
  };
  absl::StatusOr<Plan> plan = LoadScenario(scenario.request.scenario_yaml(), arguments.file, arguments.sets, read);
  if (!plan.ok()) return plan.status();
  scenario.plan = *std::move(plan);
  return scenario;
}

}  // namespace assay
