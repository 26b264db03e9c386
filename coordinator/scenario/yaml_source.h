#ifndef ASSAY_COORDINATOR_SCENARIO_YAML_SOURCE_H_
#define ASSAY_COORDINATOR_SCENARIO_YAML_SOURCE_H_

#include <absl/status/status.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace assay {

// A scenario is written by people; whatever is larger was not meant to be one.
inline constexpr size_t kMaxYamlBytes = 1 << 20;

// A text that values come from: a file, or one --set argument.
struct YamlSource {
  std::string name;       // the file's name, or "--set tasks=[1]"
  std::string text;       // valid UTF-8 once CheckYamlText said so
  bool from_set = false;  // one line: errors need no line and column
};

struct YamlPlace {
  std::shared_ptr<const YamlSource> source;
  uint32_t line = 0;    // from 0
  uint32_t column = 0;  // from 0, bytes
};

// InvalidArgument "file:line:column: what", the offending line with a caret under the place, and the mend (may be
// empty). Lines and columns count from 1, columns in characters.
absl::Status ErrorAt(const YamlPlace& place, std::string_view what, std::string_view mend);

// Refuses what is not UTF-8 and the control characters that YAML forbids, with their place.
absl::Status CheckYamlText(const std::shared_ptr<const YamlSource>& source);

// 'text' in quotes for a message: control characters made harmless, the middle left out where it is long.
std::string Quoted(std::string_view text);

}  // namespace assay

#endif  // ASSAY_COORDINATOR_SCENARIO_YAML_SOURCE_H_
