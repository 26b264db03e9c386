#ifndef ASSAY_COORDINATOR_SCENARIO_SCENARIO_HTTP_H_
#define ASSAY_COORDINATOR_SCENARIO_SCENARIO_HTTP_H_

#include <absl/status/status.h>

#include <string>
#include <string_view>

#include "assay/v1/scenario.pb.h"
#include "coordinator/scenario/scalar_value.h"
#include "coordinator/scenario/yaml_node.h"

namespace assay {

// What the scenario says of requests, checked and resolved. `path`: where it stands, for messages.

// trigger.http
absl::Status ReadHttp(const YamlNode& node, v1::HttpTrigger& message);
absl::Status ReadLogin(const YamlNode& node, std::string_view path, v1::Login& message);
absl::Status CheckUrl(const YamlNode& url, std::string_view path);
// Names and values of a map of headers; $(token) in one needs a login.
absl::Status ReadHeaders(const YamlNode& node, std::string_view path, bool has_login,
                         google::protobuf::Map<std::string, std::string>& headers);

// JSON in which a value that is nothing but one of the agent's numbers stays a number.
std::string JsonTemplate(const YamlNode& node);

// tls of an HttpTrigger or a GrpcTrigger.
template <typename Message>
void ReadTls(const YamlNode& tls, Message& message) {
  const YamlNodePtr verify = Find(tls, "verify");
  message.set_insecure(verify != nullptr && verify->text == "false");
  if (const YamlNodePtr ca = Find(tls, "ca")) message.set_ca_file(TextValue(*ca));
}

}  // namespace assay

#endif  // ASSAY_COORDINATOR_SCENARIO_SCENARIO_HTTP_H_
