#include "coordinator/scenario/scenario_references.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <optional>

#include "common/nearest_name.h"
#include "common/secrets.h"
#include "common/template.h"

namespace assay {
namespace {

constexpr std::array<std::string_view, 5> kBuiltIn{"target", "block", "run", "index", "agent"};
// Known in some places only, so that axes may be called so too.
constexpr std::array<std::string_view, 4> kOfSomePlaces{"token", "offset", "limit", "remote_id"};
constexpr size_t kMaxTextBytes = 1 << 20;

// The place of a reference within its scalar, as far as it stands on the scalar's first line.
YamlPlace PlaceOf(const YamlNode& node, std::string_view part) {
  YamlPlace place = node.place;
  std::string_view text = place.source->text;
  for (uint32_t i = 0; i < place.line && text.find('\n') != std::string_view::npos; ++i)
    text.remove_prefix(text.find('\n') + 1);
  text = text.substr(0, text.find('\n'));
  const size_t at = text.find(part, std::min<size_t>(place.column, text.size()));
  if (at != std::string_view::npos) place.column = static_cast<uint32_t>(at);
  return place;
}

// True if some "$(" has no ")" behind it.
bool HasUnclosed(std::string_view text) {
  size_t at = 0;
  while ((at = text.find("$(", at)) != std::string_view::npos) {
    const bool escaped = at > 0 && text[at - 1] == '$';
    const size_t close = text.find(')', at);
    if (!escaped && close == std::string_view::npos) return true;
    at = escaped ? at + 2 : close;
  }
  return false;
}

absl::Status CheckText(const YamlNode& node, const std::vector<std::string>& axes, std::set<std::string>& used) {
  if (HasUnclosed(node.text)) {
    return ErrorAt(PlaceOf(node, "$("), "this $( is not closed", "close it with ')'; for a literal $( write $$(");
  }
  for (const std::string& name : TemplateNames(node.text)) {
    if (std::find(axes.begin(), axes.end(), name) != axes.end()) {
      used.insert(name);
      continue;
    }
    if (IsBuiltInName(name) || IsNameOfSomePlaces(name)) continue;
    const YamlPlace place = PlaceOf(node, fmt::format("$({}", name));
    if (name.starts_with("secret:")) {
      if (IsSecretName(SecretOf(name))) continue;
      return ErrorAt(place, fmt::format("{} cannot name a secret", Quoted(SecretOf(name))),
                     "write $(secret:NAME) with letters, digits, '.', '_' and '-', no '.' or '-' first");
    }
    std::vector<std::string> known = axes;
    known.insert(known.end(), kBuiltIn.begin(), kBuiltIn.end());
    known.insert(known.end(), kOfSomePlaces.begin(), kOfSomePlaces.end());
    const auto nearest = NearestName(name, known);
    return ErrorAt(place,
                   fmt::format("$({}) refers to nothing: the grid has no such axis",
                               Quoted(name).substr(1, Quoted(name).size() - 2)),
                   nearest ? fmt::format("did you mean $({})? For a literal $( write $$(", *nearest)
                           : fmt::format("known here: {}; for a literal $( write $$(", fmt::join(known, ", ")));
  }
  return absl::OkStatus();
}

absl::StatusOr<YamlNodePtr> SubstituteText(const YamlNodePtr& node, const Bindings& bindings) {
  const std::vector<std::string> names = TemplateNames(node->text);
  if (names.size() == 1 && node->text == fmt::format("$({})", names[0])) {
    const auto bound = bindings.find(names[0]);
    if (bound == bindings.end()) return node;
    auto whole = std::make_shared<YamlNode>(*bound->second);
    whole->place = node->place;
    whole->via = fmt::format("$({}) is {}", names[0], FlowText(*bound->second));
    return whole;
  }
  std::vector<std::string> left;
  std::string via;
  const YamlNode* not_text = nullptr;
  const std::string text = ExpandTemplate(
      node->text,
      [&](std::string_view name) -> std::optional<std::string> {
        const auto bound = bindings.find(std::string(name));
        if (bound == bindings.end()) {
          left.emplace_back(name);
          return std::nullopt;
        }
        via = fmt::format("$({}) is {}", name, FlowText(*bound->second));
        if (!bound->second->IsScalar()) not_text = node.get();
        return bound->second->text;
      },
      true);
  if (via.empty()) return node;
  if (not_text != nullptr) {
    return NodeError(*node, fmt::format("only a number or a text can be put inside a text; {}", via),
                     "let it be the whole value, or use a scalar axis");
  }
  if (text.size() > kMaxTextBytes)
    return NodeError(*node, "this text is longer than 1 MiB once its references are expanded", "shorten it");
  if (TemplateNames(text) != left) {
    return NodeError(*node, fmt::format("a '$' at the end of a grid value makes a new reference here; {}", via),
                     "put something between them");
  }
  auto expanded = std::make_shared<YamlNode>(*node);
  expanded->text = text;
  expanded->via = via;
  return expanded;
}

}  // namespace

bool IsBuiltInName(std::string_view name) {
  return std::find(kBuiltIn.begin(), kBuiltIn.end(), name) != kBuiltIn.end();
}

bool IsNameOfSomePlaces(std::string_view name) {
  return std::find(kOfSomePlaces.begin(), kOfSomePlaces.end(), name) != kOfSomePlaces.end();
}

YamlNodePtr EscapedValue(const YamlNodePtr& value) {
  auto copy = std::make_shared<YamlNode>(*value);
  bool changed = false;
  for (size_t at = copy->text.find("$("); at != std::string::npos; at = copy->text.find("$(", at + 3)) {
    copy->text.insert(at, 1, '$');
    changed = true;
  }
  for (YamlNodePtr& item : copy->items) {
    const YamlNodePtr before = item;
    item = EscapedValue(before);
    changed |= item != before;
  }
  for (YamlEntry& entry : copy->entries) {
    const YamlNodePtr before = entry.value;
    entry.value = EscapedValue(before);
    changed |= entry.value != before;
  }
  return changed ? YamlNodePtr(copy) : value;
}

absl::Status CheckReferences(const YamlNode& node, const std::vector<std::string>& axes, std::set<std::string>& used) {
  if (node.IsScalar()) return CheckText(node, axes, used);
  for (const YamlNodePtr& item : node.items) {
    if (absl::Status status = CheckReferences(*item, axes, used); !status.ok()) return status;
  }
  for (const YamlEntry& entry : node.entries) {
    if (absl::Status status = CheckReferences(*entry.value, axes, used); !status.ok()) return status;
  }
  return absl::OkStatus();
}

void CollectReferences(const YamlNode& node, std::set<std::string>& names) {
  for (std::string& name : TemplateNames(node.text)) names.insert(std::move(name));
  for (const YamlNodePtr& item : node.items) CollectReferences(*item, names);
  for (const YamlEntry& entry : node.entries) CollectReferences(*entry.value, names);
}

absl::StatusOr<YamlNodePtr> Substitute(const YamlNodePtr& node, const Bindings& bindings) {
  if (node->IsScalar()) return SubstituteText(node, bindings);
  std::shared_ptr<YamlNode> copy;
  const auto replace = [&](const YamlNodePtr& part, const auto& put) -> absl::Status {
    absl::StatusOr<YamlNodePtr> value = Substitute(part, bindings);
    if (!value.ok()) return value.status();
    if (*value == part) return absl::OkStatus();
    if (copy == nullptr) copy = std::make_shared<YamlNode>(*node);
    put(*copy, *std::move(value));
    return absl::OkStatus();
  };
  for (size_t i = 0; i < node->items.size(); ++i) {
    const auto put = [i](YamlNode& into, YamlNodePtr value) { into.items[i] = std::move(value); };
    if (absl::Status status = replace(node->items[i], put); !status.ok()) return status;
  }
  for (size_t i = 0; i < node->entries.size(); ++i) {
    const auto put = [i](YamlNode& into, YamlNodePtr value) { into.entries[i].value = std::move(value); };
    if (absl::Status status = replace(node->entries[i].value, put); !status.ok()) return status;
  }
  return copy == nullptr ? node : YamlNodePtr(copy);
}

}  // namespace assay
