#include "coordinator/scenario/scalar_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <string>

#include "common/json_document.h"
#include "common/nearest_name.h"
#include "common/secrets.h"
#include "common/template.h"
#include "common/units.h"
#include "coordinator/scenario/scalar_value.h"
#include "coordinator/scenario/scenario_words.h"

namespace assay {
namespace {

std::string KindOf(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return "empty";
    case YamlNode::Kind::kScalar:
      return Quoted(node.text);
    case YamlNode::Kind::kSequence:
      return "a list";
    case YamlNode::Kind::kMap:
      return "a map";
  }
  return "";
}

// What may be left once grid values are put in.
absl::Status CheckRuntimeNames(const YamlNode& node, const Rule& rule, std::string_view path) {
  struct Known {
    std::string_view name;
    uint32_t bit;
    std::string_view where;
  };
  constexpr std::array<Known, 9> kKnown{
      {{"agent", kNameAgent, "in trigger.exec, .container, .http, .grpc and .driver, in completion, hooks and collect"},
       {"run", kNameRun,
        "in trigger.exec, .container, .http, .grpc and .driver, in completion, collect and hooks around a run"},
       {"block", kNameBlock,
        "in trigger.exec, .container, .http, .grpc and .driver, in completion, collect and hooks around a run"},
       {"index", kNameIndex,
        "in trigger.exec, .container, .http, .grpc (not its target) and in trigger.driver.task: it differs from "
        "trigger to trigger"},
       {"target", 0, "in the parts that make a cell: trigger, load, completion, sample, collect, hooks around a run"},
       {"remote_id", kNameRemoteId, "in completion.http.url and collect.http.url"},
       {"offset", kNamePage, "in completion.http.url and collect.http.url"},
       {"limit", kNamePage, "in completion.http.url and collect.http.url"},
       {"token", kNameToken, "in the headers of trigger.http, completion.http and collect.http"}}};
  for (const std::string& name : TemplateNames(node.text)) {
    if (IsSecretName(SecretOf(name)) && rule.kind == ValueKind::kTemplate) continue;
    if (name.starts_with("secret:")) {
      return NodeError(
          node, fmt::format("{} cannot refer to a secret", Called(path)),
          "$(secret:NAME) is known only in texts that an agent or a hook gets: of trigger, completion, collect, hooks");
    }
    const auto known = std::find_if(kKnown.begin(), kKnown.end(), [&](const Known& k) { return k.name == name; });
    if (known == kKnown.end()) {
      return NodeError(node, fmt::format("{} cannot refer to $({}): it is the same for all cells", Called(path), name),
                       "write the value itself; for a literal $( write $$(");
    }
    if ((known->bit & rule.runtime_names) == 0) {
      return NodeError(node, fmt::format("{} cannot refer to $({})", Called(path), name),
                       fmt::format("$({}) is known only {}", name, known->where));
    }
  }
  return absl::OkStatus();
}

bool IsGlob(std::string_view text, int64_t max_parts) {
  return !text.empty() && text.front() != '/' && text.back() != '/' && text.find("//") == std::string_view::npos &&
         std::count(text.begin(), text.end(), '/') < max_parts;
}

// Docker's and Podman's rule for names, and Compose's for projects is stricter. A reference to what the agent will put
// in counts as a letter.
bool IsEngineName(std::string_view text) {
  std::string name;
  for (size_t at = 0; at < text.size(); ++at) {
    const size_t end = text.substr(at).starts_with("$(") ? text.find(')', at) : std::string_view::npos;
    name += end == std::string_view::npos ? text[at] : 'x';
    if (end != std::string_view::npos) at = end;
  }
  return !name.empty() && std::isalnum(static_cast<unsigned char>(name.front())) != 0 &&
         std::all_of(name.begin(), name.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-'; });
}

absl::Status CheckInteger(const YamlNode& node, const Rule& rule, std::string_view path) {
  int64_t value = 0;
  const char* end = node.text.data() + node.text.size();
  const auto [stop, error] = std::from_chars(node.text.data(), end, value);
  const bool whole = stop == end && !node.text.empty();
  if (whole && node.quoted) {
    return NodeError(node, fmt::format("{} cannot be a text", Called(path)), "remove the quotes");
  }
  if (whole && (error == std::errc::result_out_of_range || value < rule.min || value > rule.max)) {
    return WrongValue(node, rule, path, fmt::format("is out of range: {}", FlowText(node)));
  }
  if (!whole || error != std::errc()) return WrongValue(node, rule, path, fmt::format("cannot be {}", KindOf(node)));
  return absl::OkStatus();
}

absl::Status CheckDuration(const YamlNode& node, const Rule& rule, std::string_view path) {
  const absl::StatusOr<int64_t> ns = ParseDurationNs(node.text);
  if (!ns.ok()) return WrongValue(node, rule, path, fmt::format("cannot be {}: that is not a duration", KindOf(node)));
  if (*ns < rule.min || *ns > rule.max)
    return WrongValue(node, rule, path, fmt::format("is out of range: {}", FlowText(node)));
  return absl::OkStatus();
}

absl::Status CheckRate(const YamlNode& node, const Rule& rule, std::string_view path) {
  const absl::StatusOr<double> per_s = ParseRate(node.text);
  if (!per_s.ok()) return WrongValue(node, rule, path, fmt::format("cannot be {}: that is not a rate", KindOf(node)));
  if (*per_s * 1e3 < static_cast<double>(rule.min) || *per_s * 1e3 > static_cast<double>(rule.max))
    return WrongValue(node, rule, path, fmt::format("is out of range: {}", FlowText(node)));
  return absl::OkStatus();
}

}  // namespace

bool HasReference(std::string_view text) { return text.find("$(") != std::string_view::npos; }

std::string Called(std::string_view path) { return path.empty() ? "the scenario" : std::string(path); }

absl::Status WrongValue(const YamlNode& node, const Rule& rule, std::string_view path, std::string_view problem) {
  return NodeError(node, fmt::format("{} {}", Called(path), problem), fmt::format("write {}", Wanted(rule)));
}

absl::Status WrongType(const YamlNode& node, const Rule& rule, std::string_view path) {
  return WrongValue(node, rule, path, fmt::format("cannot be {}", KindOf(node)));
}

absl::Status CheckScalar(const YamlNode& node, const Rule& rule, std::string_view path, CheckPhase phase) {
  if (!node.IsScalar()) return WrongType(node, rule, path);
  if (HasReference(node.text)) {
    if (phase == CheckPhase::kAsWritten) return absl::OkStatus();
    if (absl::Status status = CheckRuntimeNames(node, rule, path); !status.ok()) return status;
  }
  const std::string& text = node.text;
  switch (rule.kind) {
    case ValueKind::kName:
      return IsName(text) ? absl::OkStatus() : WrongType(node, rule, path);
    case ValueKind::kCgroup:
      return text.size() > 1 && (text.front() == '/' || text.front() == '@') ? absl::OkStatus()
                                                                             : WrongType(node, rule, path);
    case ValueKind::kEngineName:
      return IsEngineName(text) ? absl::OkStatus() : WrongType(node, rule, path);
    case ValueKind::kPath:
      return !text.empty() ? absl::OkStatus() : WrongType(node, rule, path);
    case ValueKind::kSocket:
      return text.size() > 1 && text.front() == '/' ? absl::OkStatus() : WrongType(node, rule, path);
    case ValueKind::kGlob:
      return IsGlob(text, rule.max) ? absl::OkStatus() : WrongType(node, rule, path);
    case ValueKind::kWord: {
      if (std::find(rule.words.begin(), rule.words.end(), text) != rule.words.end()) return absl::OkStatus();
      const auto nearest = NearestName(text, {rule.words.begin(), rule.words.end()});
      return nearest ? NodeError(node, fmt::format("{} cannot be {}", Called(path), KindOf(node)),
                                 fmt::format("did you mean '{}'?", *nearest))
                     : WrongType(node, rule, path);
    }
    case ValueKind::kPointer:
      return IsJsonPointer(text) ? absl::OkStatus() : WrongType(node, rule, path);
    case ValueKind::kInteger:
      return CheckInteger(node, rule, path);
    case ValueKind::kDuration:
      return CheckDuration(node, rule, path);
    case ValueKind::kStatus:
      return ParseStatuses(text) ? absl::OkStatus() : WrongType(node, rule, path);
    case ValueKind::kRate:
      return CheckRate(node, rule, path);
    case ValueKind::kFraction:
      return ParseFraction(text).ok() ? absl::OkStatus() : WrongType(node, rule, path);
    case ValueKind::kBoolean:
      return !node.quoted && (text == "true" || text == "false") ? absl::OkStatus() : WrongType(node, rule, path);
    default:
      return absl::OkStatus();
  }
}

}  // namespace assay
