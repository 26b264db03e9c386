#include "common/json_document.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "common/utf8.h"

namespace assay {
namespace {

using Json = nlohmann::json;

constexpr size_t kMostShown = 100;

absl::StatusOr<const Json*> At(const void* node, const std::string& pointer) {
  const auto nowhere = [&] { return absl::NotFoundError(fmt::format("{} points nowhere in it", pointer)); };
  const Json& from = *static_cast<const Json*>(node);
  if (!IsJsonPointer(pointer)) return absl::NotFoundError(fmt::format("'{}' is no JSON pointer", pointer));
  // An index such as "-" or "01" is an exception of the parser's, not an answer.
  try {
    const Json::json_pointer at(pointer);
    if (!from.contains(at)) return nowhere();
    return &from.at(at);
  } catch (const Json::exception&) {
    return nowhere();
  }
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
  return absl::InvalidArgumentError(fmt::format("it is no JSON: it begins with '{}'", PlainText(text, kMostShown)));
}

absl::StatusOr<std::string> JsonDocument::Part::Text(const std::string& pointer) const {
  const absl::StatusOr<const Json*> found = At(node_, pointer);
  if (!found.ok()) return found.status();
  const Json& json = **found;
  if (json.is_string()) return json.get<std::string>();
  if (json.is_number() || json.is_boolean()) return json.dump();
  return absl::NotFoundError(fmt::format("{} points at {}{}", pointer.empty() ? "it" : pointer,
                                         json.is_null() ? "" : "an ", json.is_null() ? "null" : json.type_name()));
}

absl::StatusOr<std::vector<JsonDocument::Part>> JsonDocument::Part::Items(const std::string& pointer) const {
  const absl::StatusOr<const Json*> found = At(node_, pointer);
  if (!found.ok()) return found.status();
  if (!(*found)->is_array()) return absl::NotFoundError(fmt::format("{} points at no list", pointer));
  std::vector<Part> items;
  items.reserve((*found)->size());
  for (const Json& item : **found) items.push_back(Part(&item));
  return items;
}

bool IsJsonPointer(std::string_view text) {
  if (text.empty()) return true;
  if (text.front() != '/') return false;
  for (size_t at = text.find('~'); at != std::string_view::npos; at = text.find('~', at + 1)) {
    if (at + 1 == text.size() || (text[at + 1] != '0' && text[at + 1] != '1')) return false;
  }
  return true;
}

}  // namespace assay
