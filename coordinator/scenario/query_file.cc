#include "coordinator/scenario/query_file.h"

#include <fmt/format.h>

#include <filesystem>

#include "common/units.h"
#include "coordinator/scenario/scalar_value.h"

namespace assay {

absl::StatusOr<std::string> QueryFiles::Get(const YamlNode& node, std::string_view path) {
  const std::string file = (std::filesystem::path(scenario_file_).parent_path() / TextValue(node)).string();
  if (const auto found = queries_.find(file); found != queries_.end()) return found->second;
  absl::StatusOr<std::string> content = read_ ? read_(file) : absl::UnimplementedError("files are not read here");
  if (!content.ok()) {
    return NodeError(node, fmt::format("{}: {}: {}", path, Quoted(file), std::string(content.status().message())),
                     "the path of a query is relative to the scenario's file");
  }
  if (content->size() > kMaxQueryBytes) {
    return NodeError(node, fmt::format("{}: {} is longer than {}", path, Quoted(file), FormatBytes(kMaxQueryBytes)),
                     "is this the right file?");
  }
  queries_.emplace(file, *content);
  return content;
}

}  // namespace assay
