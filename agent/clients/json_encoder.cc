#include "agent/clients/json_encoder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/type_resolver_util.h>

#include <optional>
#include <string_view>
#include <vector>

#include "common/nearest_name.h"

namespace assay {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Struct;
using google::protobuf::Value;

constexpr const char* kTypeUrlPrefix = "type.googleapis.com";
constexpr size_t kShownFields = 10;

const FieldDescriptor* FieldOf(const Descriptor& type, const std::string& name) {
  const FieldDescriptor* const field = type.FindFieldByCamelcaseName(name);
  if (field != nullptr) return field;
  for (int i = 0; i < type.field_count(); ++i) {
    if (type.field(i)->name() == name || type.field(i)->json_name() == name) return type.field(i);
  }
  return nullptr;
}

std::optional<std::string> UnknownField(const Descriptor& type, const Struct& value, const std::string& path);

std::optional<std::string> UnknownIn(const FieldDescriptor& field, const Value& value, const std::string& path) {
  if (value.has_list_value()) {
    for (const Value& one : value.list_value().values()) {
      if (auto unknown = UnknownIn(field, one, path)) return unknown;
    }
  }
  if (!value.has_struct_value() || field.message_type() == nullptr) return std::nullopt;
  if (!field.is_map()) return UnknownField(*field.message_type(), value.struct_value(), path);
  for (const auto& [key, one] : value.struct_value().fields()) {
    if (auto unknown = UnknownIn(*field.message_type()->map_value(), one, path + key + ".")) return unknown;
  }
  return std::nullopt;
}

// In words that protobuf's own error lacks: what the message has instead. Types of protobuf itself have a JSON of
// their own.
std::optional<std::string> UnknownField(const Descriptor& type, const Struct& value, const std::string& path) {
  if (type.file()->name().starts_with("google/protobuf/")) return std::nullopt;
  for (const auto& [key, one] : value.fields()) {
    if (const FieldDescriptor* const field = FieldOf(type, key)) {
      if (auto unknown = UnknownIn(*field, one, path + key + ".")) return unknown;
      continue;
    }
    std::vector<std::string> known;
    known.reserve(static_cast<size_t>(type.field_count()));
    for (int i = 0; i < type.field_count(); ++i) known.push_back(type.field(i)->name());
    const std::string none = fmt::format("{} has no field '{}{}'", type.full_name(), path, key);
    if (const std::optional<std::string> nearest = NearestName(key, known))
      return fmt::format("{}; did you mean '{}'?", none, *nearest);
    if (known.size() > kShownFields) known.resize(kShownFields);
    return known.empty() ? none + ", nor any other" : fmt::format("{}; it has {}", none, fmt::join(known, ", "));
  }
  return std::nullopt;
}

}  // namespace

JsonEncoder::JsonEncoder(const Descriptor& type)
    : type_(type),
      type_url_(fmt::format("{}/{}", kTypeUrlPrefix, type.full_name())),
      resolver_(google::protobuf::util::NewTypeResolverForDescriptorPool(kTypeUrlPrefix, type.file()->pool())) {}

absl::StatusOr<std::string> JsonEncoder::Encode(const std::string& json) const {
  std::string bytes;
  const auto status = google::protobuf::util::JsonToBinaryString(resolver_.get(), type_url_, json, &bytes);
  if (!status.ok()) {
    Struct value;
    std::optional<std::string> unknown;
    if (google::protobuf::util::JsonStringToMessage(json, &value).ok()) unknown = UnknownField(type_, value, "");
    return absl::InvalidArgumentError(unknown ? *unknown
                                              : fmt::format("it does not fit {}: {}{}", type_.full_name(),
                                                            status.ToString(),
                                                            status.ToString().find("TYPE_BYTES") == std::string::npos
                                                                ? ""
                                                                : "; bytes are written as base64 text in JSON"));
  }
  // Only messages of proto2 can lack something, and JSON does not look for it.
  if (type_.file()->syntax() != google::protobuf::FileDescriptor::SYNTAX_PROTO2) return bytes;
  google::protobuf::DynamicMessageFactory factory;
  const std::unique_ptr<google::protobuf::Message> message(factory.GetPrototype(&type_)->New());
  if (message->ParsePartialFromString(bytes) && !message->IsInitialized()) {
    return absl::InvalidArgumentError(
        fmt::format("it lacks what {} requires: {}", type_.full_name(), message->InitializationErrorString()));
  }
  return bytes;
}

}  // namespace assay
