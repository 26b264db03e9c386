#ifndef ASSAY_COORDINATOR_SCENARIO_SCENARIO_RULES_H_
#define ASSAY_COORDINATOR_SCENARIO_SCENARIO_RULES_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

// The scenario language as one table: what keys there are, what each holds. The check of a scenario, the merge of
// targets and the JSON Schema all read it, so that they cannot disagree.

enum class ValueKind {
  kText,
  kName,        // a letter or digit, then letters, digits, '.', '_', '-'; at most 64
  kTemplate,    // text in which the agent's names may stay
  kCgroup,      // "/path/glob" or "@alias"
  kEngineName,  // of a container or a Compose project; the agent's names may stay in it
  kPath,        // of a file or directory on the agent's host
  kSocket,      // absolute path of a unix socket
  kGlob,        // a name in which *, ? and [...] stand for others; of at most `max` parts with '/' between them
  kWord,        // one of `words`
  kInteger,
  kDuration,
  kFraction,
  kRate,  // min and max in 1/1000 per second
  kBoolean,
  kStatus,     // 200, 2xx, or a list of them
  kJson,       // any tree; the agent's names may stay in its texts
  kPointer,    // into JSON: RFC 6901
  kMap,        // the keys of `shape`
  kTextMap,    // any keys, values by `item`
  kList,       // items by `item`
  kOneOrMore,  // a map by `item`, or a list of them
  kEither,     // a scalar by `item`, or a map by `other`
  kAxes,       // the grid
  kTargets,    // any names, values by `shape`
};

// Names that are known only when a trigger or a hook starts.
enum RuntimeName : uint32_t {
  kNameAgent = 1,
  kNameRun = 2,
  kNameBlock = 4,
  kNameIndex = 8,
  kNameRemoteId = 16,
  kNamePage = 32,  // offset and limit
  kNameToken = 64,
};

struct Shape;

struct Rule {
  ValueKind kind = ValueKind::kText;
  int64_t min = 0;  // integers; durations in ns; number of items of a list
  int64_t max = INT64_MAX;
  std::vector<std::string_view> words = {};
  uint32_t runtime_names = 0;  // of kTemplate, kEngineName and kJson
  const Rule* item = nullptr;
  const Rule* other = nullptr;
  const Shape* shape = nullptr;
};

struct Field {
  std::string_view key;
  const Rule* rule;  // null: part of the language, but not of this version
  std::string_view about;
  bool required = false;
  bool choice = false;  // exactly one of a map's choices is given
};

struct Shape {
  std::vector<Field> fields = {};
  bool atomic = false;           // a target's map replaces the scenario's instead of being merged into it
  bool choice_required = false;  // else the choices may all be absent
};

// The whole file.
const Rule& ScenarioRule();
// The part that a cell is made of: trigger, load, sample, hooks around a run. A target is this and a grid.
const Rule& CellRule();
const Rule& TargetRule();

const Field* FindField(const Shape& shape, std::string_view key);
std::vector<std::string> SupportedKeys(const Shape& shape);
// Where in the language a key stands: "load.closed" for concurrency; empty if nowhere.
std::string PathOfKey(std::string_view key);

}  // namespace assay

#endif  // ASSAY_COORDINATOR_SCENARIO_SCENARIO_RULES_H_
