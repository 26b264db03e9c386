#include "cli/scenario_file.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "coordinator/scenario/yaml_source.h"

namespace assay {
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

absl::StatusOr<std::string> ReadScenarioFile(const std::string& file) {
  std::error_code ignored;
  if (std::filesystem::is_directory(file, ignored))
    return absl::InvalidArgumentError(fmt::format("{}: is a directory, not a scenario", file));
  std::FILE* in = file == "-" ? stdin : std::fopen(file.c_str(), "rb");
  if (in == nullptr)
    return absl::InvalidArgumentError(fmt::format("{}: cannot read it: {}", file, std::strerror(errno)));
  // One byte too many is enough for the loader to refuse it, with its place.
  std::string text(kMaxYamlBytes + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), in));
  const bool failed = std::ferror(in) != 0;
  if (in != stdin) std::fclose(in);
  if (failed) return absl::InvalidArgumentError(fmt::format("{}: cannot read it", file));
  return text;
}

}  // namespace assay
