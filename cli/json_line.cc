#include "cli/json_line.h"

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>

namespace assay {

std::string JsonLine(std::string_view type, const google::protobuf::Message& message,
                     const std::vector<std::pair<std::string, std::string>>& extra) {
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string body;
  // Fails only for malformed well-known types, which no message here has.
  if (!google::protobuf::util::MessageToJsonString(message, &body, options).ok()) body = "{}";
  std::string line = fmt::format("{{\"type\":{}", JsonString(type));
  for (const auto& [key, value] : extra) line += fmt::format(",{}:{}", JsonString(key), value);
  if (body.size() > 2) line += ",";
  return line + body.substr(1);
}

}  // namespace assay
