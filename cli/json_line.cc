#include "cli/json_line.h"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/reflection.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "assay/v1/agent.pb.h"
#include "common/units.h"

namespace assay {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr std::string_view kWallSuffix = "_wall_ns";

std::string Members(const Message& message, const std::vector<std::string_view>& hidden);

std::string Instant(int64_t wall_ns) { return wall_ns == 0 ? "null" : JsonString(UtcText(wall_ns, 'T')); }

std::string Real(double value) { return std::isfinite(value) ? fmt::format("{}", value) : "null"; }

// A key may stand several times, so each has a list, as in the table assay.agent.
std::string Labels(const Message& message, const FieldDescriptor& field) {
  std::map<std::string, std::string> values;
  for (const v1::Label& label : message.GetReflection()->GetRepeatedFieldRef<v1::Label>(message, &field)) {
    std::string& of_key = values[label.key()];
    of_key += (of_key.empty() ? "" : ",") + JsonString(label.value());
  }
  std::string json;
  for (const auto& [key, list] : values)
    json += fmt::format("{}{}:[{}]", json.empty() ? "" : ",", JsonString(key), list);
  return fmt::format("{{{}}}", json);
}

std::string List(const Message& message, const FieldDescriptor& field) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  std::string json;
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    json += i == 0 ? "" : ",";
    json += field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE
                ? fmt::format("{{{}}}", Members(reflection.GetRepeatedMessage(message, &field, i), {}))
                : JsonString(reflection.GetRepeatedString(message, &field, i));
  }
  return fmt::format("[{}]", json);
}

// Of the kinds of fields that the messages of control.proto have.
std::string Value(const Message& message, const FieldDescriptor& field) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  if (field.has_presence() && !reflection.HasField(message, &field)) return "null";
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT64: {
      const int64_t value = reflection.GetInt64(message, &field);
      return field.name().ends_with(kWallSuffix) ? Instant(value) : std::to_string(value);
    }
    case FieldDescriptor::CPPTYPE_UINT64:
      return std::to_string(reflection.GetUInt64(message, &field));
    case FieldDescriptor::CPPTYPE_UINT32:
      return std::to_string(reflection.GetUInt32(message, &field));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return Real(reflection.GetDouble(message, &field));
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection.GetBool(message, &field) ? "true" : "false";
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return fmt::format("{{{}}}", Members(reflection.GetMessage(message, &field), {}));
    default:
      return JsonString(reflection.GetString(message, &field));
  }
}

std::string Members(const Message& message, const std::vector<std::string_view>& hidden) {
  std::string json;
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor& field = *message.GetDescriptor()->field(i);
    std::string_view name = field.name();
    if (std::find(hidden.begin(), hidden.end(), name) != hidden.end()) continue;
    if (name.ends_with(kWallSuffix)) name.remove_suffix(kWallSuffix.size());
    const bool labels = field.message_type() == v1::Label::descriptor();
    json += fmt::format("{}{}:{}", json.empty() ? "" : ",", JsonString(name),
                        labels                ? Labels(message, field)
                        : field.is_repeated() ? List(message, field)
                                              : Value(message, field));
  }
  return json;
}

}  // namespace

std::string JsonLine(std::string_view type, const Message& message,
                     const std::vector<std::pair<std::string, std::string>>& extra,
                     const std::vector<std::string_view>& hidden) {
  std::string line = fmt::format("{{\"type\":{}", JsonString(type));
  for (const auto& [key, value] : extra) line += fmt::format(",{}:{}", JsonString(key), value);
  const std::string members = Members(message, hidden);
  if (!members.empty()) line += "," + members;
  return line + "}";
}

}  // namespace assay
