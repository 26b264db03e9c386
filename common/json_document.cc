#include "common/json_document.h"

#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/utf8.h"

namespace assay {
namespace {

using Json = nlohmann::json;

constexpr size_t kMostJsonShown = 100;

std::string Unescaped(std::string_view name) {
  std::string plain;
  for (size_t at = 0; at < name.size(); ++at) {
    if (name[at] == '~') {
      plain += name[++at] == '1' ? '/' : '~';
    } else {
      plain += name[at];
    }
  }
  return plain;
}

const Json* Element(const Json& list, std::string_view name) {
  size_t index = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
  if (error != std::errc() || end != name.data() + name.size() || (name.size() > 1 && name.front() == '0'))
    return nullptr;
  return index < list.size() ? &list[index] : nullptr;
}

// Null: it points nowhere. The parser's own pointers are parsed anew at each use, and throw.
const Json* Find(const void* node, std::string_view pointer) {
  if (!IsJsonPointer(pointer)) return nullptr;
  const auto* at = static_cast<const Json*>(node);
  while (at != nullptr && !pointer.empty()) {
    pointer.remove_prefix(1);
    const std::string_view name = pointer.substr(0, pointer.find('/'));
    pointer.remove_prefix(name.size());
    if (at->is_object()) {
      const auto field = at->find(Unescaped(name));
      at = field == at->end() ? nullptr : &*field;
    } else {
      at = at->is_array() ? Element(*at, name) : nullptr;
    }
  }
  return at;
}

absl::StatusOr<const Json*> At(const void* node, std::string_view pointer) {
  if (const Json* const found = Find(node, pointer)) return found;
  return absl::NotFoundError(IsJsonPointer(pointer) ? fmt::format("{} points nowhere in it", pointer)
                                                    : fmt::format("'{}' is no JSON pointer", pointer));
}

std::string Written(const Json& json) {
  return json.is_string() ? json.get<std::string>() : json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

absl::Status Unwanted(std::string_view pointer, std::string_view what) {
  return absl::NotFoundError(pointer.empty() ? fmt::format("it is {}", what)
                                             : fmt::format("{} points at {}", pointer, what));
}

}  // namespace

struct JsonDocument::Tree {
  Json json;
};

JsonDocument::JsonDocument(std::unique_ptr<Tree> tree) : tree_(std::move(tree)) {}
JsonDocument::JsonDocument(JsonDocument&&) noexcept = default;
JsonDocument::~JsonDocument() = default;

JsonDocument::Part JsonDocument::root() const { return Part(&tree_->json); }

absl::StatusOr<JsonDocument> JsonDocument::Parse(std::string_view text) {
  auto tree = std::make_unique<Tree>(Tree{Json::parse(text, nullptr, /*allow_exceptions=*/false)});
  if (!tree->json.is_discarded()) return JsonDocument(std::move(tree));
  if (text.empty()) return absl::InvalidArgumentError("it is no JSON: it is empty");
  return absl::InvalidArgumentError(fmt::format("it is no JSON: it begins with '{}'", PlainText(text, kMostJsonShown)));
}

absl::StatusOr<std::string> JsonDocument::Part::Text(std::string_view pointer) const {
  const absl::StatusOr<const Json*> found = At(node_, pointer);
  if (!found.ok()) return found.status();
  if ((*found)->is_null()) return Unwanted(pointer, "null");
  if ((*found)->is_structured()) return Unwanted(pointer, fmt::format("an {}", (*found)->type_name()));
  return Written(**found);
}

std::optional<std::string> JsonDocument::Part::TextOrJson(std::string_view pointer) const {
  const Json* const found = Find(node_, pointer);
  return found == nullptr || found->is_null() ? std::nullopt : std::optional(Written(*found));
}

absl::StatusOr<std::vector<JsonDocument::Part>> JsonDocument::Part::Items(std::string_view pointer) const {
  const absl::StatusOr<const Json*> found = At(node_, pointer);
  if (!found.ok()) return found.status();
  if (!(*found)->is_array()) return Unwanted(pointer, "no list");
  std::vector<Part> items;
  items.reserve((*found)->size());
  for (const Json& item : **found) items.push_back(Part(&item));
  return items;
}

absl::StatusOr<std::map<std::string, std::string>> JsonDocument::Part::Fields(std::string_view pointer) const {
  const absl::StatusOr<const Json*> found = At(node_, pointer);
  if (!found.ok()) return found.status();
  if (!(*found)->is_object()) return Unwanted(pointer, "no object");
  std::map<std::string, std::string> fields;
  for (const auto& [name, value] : (*found)->get_ref<const Json::object_t&>()) {
    if (!value.is_null()) fields.emplace(name, Written(value));
  }
  return fields;
}

bool IsJsonObject(std::string_view text) { return Json::parse(text, nullptr, /*allow_exceptions=*/false).is_object(); }

bool IsJsonPointer(std::string_view text) {
  if (text.empty()) return true;
  if (text.front() != '/') return false;
  for (size_t at = text.find('~'); at != std::string_view::npos; at = text.find('~', at + 1)) {
    if (at + 1 == text.size() || (text[at + 1] != '0' && text[at + 1] != '1')) return false;
  }
  return true;
}

}  // namespace assay
