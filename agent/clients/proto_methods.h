#ifndef ASSAY_AGENT_CLIENTS_PROTO_METHODS_H_
#define ASSAY_AGENT_CLIENTS_PROTO_METHODS_H_

#include <absl/status/statusor.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/descriptor_database.h>

#include <memory>
#include <string>
#include <vector>

namespace assay {

using ProtoFiles = google::protobuf::FileDescriptorSet;

// What a file that protoc wrote holds. Errors name the file and how to make a right one.
absl::StatusOr<ProtoFiles> ReadProtoFiles(const std::string& path);

// The methods of described services.
class ProtoMethods {
 public:
  // `from` tells in messages where the files come from: "descriptors x.pb".
  ProtoMethods(ProtoFiles files, std::string from);

  // "pkg.Service/Call". Errors name the nearest method, or the import that is missing. The descriptor lives as long as
  // this.
  absl::StatusOr<const google::protobuf::MethodDescriptor*> FindUnary(const std::string& method) const;

 private:
  class Faults final : public google::protobuf::DescriptorPool::ErrorCollector {
   public:
    void AddError(const std::string& file, const std::string& element, const google::protobuf::Message* descriptor,
                  ErrorLocation location, const std::string& message) override;
    std::string text;
  };

  std::vector<std::string> Known() const;

  const std::string from_;
  const ProtoFiles files_;
  google::protobuf::SimpleDescriptorDatabase database_;
  mutable Faults faults_;
  google::protobuf::DescriptorPool pool_;
};

}  // namespace assay

#endif  // ASSAY_AGENT_CLIENTS_PROTO_METHODS_H_
