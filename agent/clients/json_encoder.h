#ifndef ASSAY_AGENT_CLIENTS_JSON_ENCODER_H_
#define ASSAY_AGENT_CLIENTS_JSON_ENCODER_H_

#include <absl/status/statusor.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/util/type_resolver.h>

#include <memory>
#include <string>

namespace assay {

// Encodes JSON as messages of one type, by protobuf's rules for JSON.
class JsonEncoder {
 public:
  // The type must outlive the encoder.
  explicit JsonEncoder(const google::protobuf::Descriptor& type);

  // Errors name the type, and the nearest field of one that is not in it.
  absl::StatusOr<std::string> Encode(const std::string& json) const;

 private:
  const google::protobuf::Descriptor& type_;
  const std::string type_url_;
  const std::unique_ptr<google::protobuf::util::TypeResolver> resolver_;
};

}  // namespace assay

#endif  // ASSAY_AGENT_CLIENTS_JSON_ENCODER_H_
