#ifndef ASSAY_COORDINATOR_SCENARIO_YAML_NODE_H_
#define ASSAY_COORDINATOR_SCENARIO_YAML_NODE_H_

#include <absl/status/status.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "coordinator/scenario/yaml_source.h"

namespace assay {

struct YamlNode;
// Nodes are shared (by aliases, by the cells of a grid) and never changed once parsed.
using YamlNodePtr = std::shared_ptr<const YamlNode>;

struct YamlEntry {
  YamlNodePtr key;  // a scalar
  YamlNodePtr value;
};

struct YamlNode {
  enum class Kind { kNull, kScalar, kSequence, kMap };

  Kind kind = Kind::kNull;
  std::string text;     // of a scalar
  bool quoted = false;  // a quoted or block scalar: always text, never a number
  std::vector<YamlNodePtr> items;
  std::vector<YamlEntry> entries;  // in the file's order, keys unique
  YamlPlace place;
  std::string via;    // "$(sleep) is 10ms": how the value came to its place, for messages
  uint64_t size = 1;  // nodes in it, aliases expanded
  uint32_t height = 1;

  bool IsScalar() const { return kind == Kind::kScalar; }
  bool IsMap() const { return kind == Kind::kMap; }
  bool IsSequence() const { return kind == Kind::kSequence; }
  bool IsNull() const { return kind == Kind::kNull; }
};

// The value of a key in a map; null if absent.
YamlNodePtr Find(const YamlNode& map, std::string_view key);

// ErrorAt the node's place; says how the value came there.
absl::Status NodeError(const YamlNode& node, std::string_view what, std::string_view mend);

// A node in flow style, "{uniform: [1ms, 10ms]}", cut where it is long: for messages.
std::string FlowText(const YamlNode& node);

}  // namespace assay

#endif  // ASSAY_COORDINATOR_SCENARIO_YAML_NODE_H_
