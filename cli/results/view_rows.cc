#include "cli/results/view_rows.h"

#include <fmt/format.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include <charconv>
#include <cmath>

namespace assay {
namespace {

std::string ValueText(const google::protobuf::Value& value) {
  switch (value.kind_case()) {
    case google::protobuf::Value::kStringValue:
      return value.string_value();
    case google::protobuf::Value::kBoolValue:
      return value.bool_value() ? "true" : "false";
    case google::protobuf::Value::kNumberValue: {
      const double number = value.number_value();
      return number == std::floor(number) ? std::to_string(static_cast<int64_t>(number)) : fmt::format("{}", number);
    }
    default: {
      std::string json;
      return google::protobuf::util::MessageToJsonString(value, &json).ok() ? json : "";
    }
  }
}

}  // namespace

ViewRows::ViewRows(v1::ViewRows rows) : rows_(std::move(rows)) {
  for (int c = 0; c < rows_.columns_size(); ++c) columns_[rows_.columns(c)] = c;
}

std::string ViewRows::Text(size_t row, std::string_view column) const {
  const auto found = columns_.find(std::string(column));
  const v1::ViewRows::Row& values = rows_.rows(static_cast<int>(row));
  return found == columns_.end() || found->second >= values.values_size() ? "" : values.values(found->second);
}

std::optional<double> ViewRows::Number(size_t row, std::string_view column) const {
  const std::string text = Text(row, column);
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || !std::isfinite(number))
    return std::nullopt;
  return number;
}

std::vector<std::string> ViewRows::List(size_t row, std::string_view column) const {
  const std::string text = Text(row, column);
  std::vector<std::string> items;
  if (text.size() <= 2 || text.front() != '{') return items;
  std::string item;
  bool quoted = false;
  for (size_t i = 1; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\' && i + 1 < text.size()) {
      item += text[++i];
    } else if (c == '"') {
      quoted = !quoted;
    } else if ((c == ',' || c == '}') && !quoted) {
      items.push_back(std::move(item));
      item.clear();
      if (c == '}') break;
    } else {
      item += c;
    }
  }
  return items;
}

std::map<std::string, std::string> ViewRows::Object(size_t row, std::string_view column) const {
  std::map<std::string, std::string> texts;
  google::protobuf::Struct object;
  if (!google::protobuf::util::JsonStringToMessage(Text(row, column), &object).ok()) return texts;
  for (const auto& [key, value] : object.fields()) texts[key] = ValueText(value);
  return texts;
}

}  // namespace assay
