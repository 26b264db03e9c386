#include "collect/json_answers.h"

#include <fmt/format.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

namespace assay {
namespace {

using nlohmann::json;

constexpr size_t kQuotedBytes = 200;

absl::StatusOr<json> Parsed(std::string_view text) {
  json parsed = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (parsed.is_discarded())
    return absl::InvalidArgumentError(fmt::format("the answer is no JSON: {}", text.substr(0, kQuotedBytes)));
  return parsed;
}

absl::StatusOr<json::json_pointer> Pointer(const std::string& text) {
  try {
    return json::json_pointer(text);
  } catch (const json::exception&) {
    return absl::InvalidArgumentError(fmt::format("'{}' is no JSON pointer; write /key/key, or /key/0", text));
  }
}

// Null if there is nothing.
const json* At(const json& tree, const json::json_pointer& pointer) {
  try {
    return tree.contains(pointer) ? &tree.at(pointer) : nullptr;
  } catch (const json::exception&) {
    return nullptr;  // a name where an array wants a number
  }
}

std::string Text(const json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

absl::StatusOr<size_t> ReadJsonItems(std::string_view text, const std::string& items,
                                     const std::vector<std::string>& pointers, const JsonRow& row) {
  const absl::StatusOr<json> tree = Parsed(text);
  if (!tree.ok()) return tree.status();
  const absl::StatusOr<json::json_pointer> at = Pointer(items);
  if (!at.ok()) return at.status();
  std::vector<json::json_pointer> parts;
  for (const std::string& pointer : pointers) {
    absl::StatusOr<json::json_pointer> part = Pointer(pointer);
    if (!part.ok()) return part.status();
    parts.push_back(*std::move(part));
  }
  const json* const list = At(*tree, *at);
  if (list == nullptr || !list->is_array()) {
    return absl::InvalidArgumentError(
        fmt::format("the answer has no array at '{}': {}", items, Text(*tree).substr(0, kQuotedBytes)));
  }
  std::vector<std::optional<std::string>> values(parts.size());
  for (const json& item : *list) {
    for (size_t i = 0; i < parts.size(); ++i) {
      const json* const value = At(item, parts[i]);
      values[i] = value == nullptr || value->is_null() ? std::nullopt : std::optional(Text(*value));
    }
    if (absl::Status status = row(values); !status.ok()) return status;
  }
  return list->size();
}

absl::StatusOr<std::string> ReadJsonText(std::string_view text, const std::string& pointer) {
  const absl::StatusOr<json> tree = Parsed(text);
  if (!tree.ok()) return tree.status();
  const absl::StatusOr<json::json_pointer> at = Pointer(pointer);
  if (!at.ok()) return at.status();
  const json* const value = At(*tree, *at);
  if (value == nullptr || value->is_null())
    return absl::InvalidArgumentError(fmt::format("the answer has nothing at '{}'", pointer));
  return Text(*value);
}

absl::StatusOr<std::vector<MetricSeries>> ReadMatrix(std::string_view text) {
  const absl::StatusOr<json> tree = Parsed(text);
  if (!tree.ok()) return tree.status();
  std::vector<MetricSeries> matrix;
  try {
    if (tree->at("data").at("resultType") != "matrix") return absl::InvalidArgumentError("the answer is no matrix");
    for (const json& result : tree->at("data").at("result")) {
      MetricSeries& series = matrix.emplace_back();
      for (const auto& [name, value] : result.at("metric").items()) series.labels[name] = Text(value);
      // A value is a text, since JSON has no NaN and no infinity.
      for (const json& sample : result.at("values"))
        series.samples.emplace_back(sample.at(0).get<double>(),
                                    std::strtod(sample.at(1).get_ref<const std::string&>().c_str(), nullptr));
    }
  } catch (const json::exception&) {
    return absl::InvalidArgumentError(
        fmt::format("the answer is not that of a Prometheus server: {}", text.substr(0, kQuotedBytes)));
  }
  return matrix;
}

}  // namespace assay
