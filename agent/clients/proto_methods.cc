#include "agent/clients/proto_methods.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <set>
#include <string_view>
#include <utility>

#include "common/nearest_name.h"

namespace assay {
namespace {

constexpr size_t kShownMethods = 10;
constexpr std::string_view kHowToMake = "protoc --include_imports --descriptor_set_out=FILE makes one";

// The well-known types, which protoc leaves out without --include_imports, are in protobuf itself.
ProtoFiles Completed(ProtoFiles files) {
  std::set<std::string> names;
  for (const auto& file : files.file()) names.insert(file.name());
  for (int i = 0; i < files.file_size(); ++i) {
    for (int j = 0; j < files.file(i).dependency_size(); ++j) {
      const std::string needed = files.file(i).dependency(j);
      if (!needed.starts_with("google/protobuf/") || names.contains(needed)) continue;
      const auto* known = google::protobuf::DescriptorPool::generated_pool()->FindFileByName(needed);
      if (known == nullptr) continue;
      names.insert(needed);
      known->CopyTo(files.add_file());
    }
  }
  return files;
}

}  // namespace

absl::StatusOr<ProtoFiles> ReadProtoFiles(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    return absl::NotFoundError(fmt::format("cannot read descriptors {} on this host: {}", path, std::strerror(errno)));
  }
  ProtoFiles files;
  if (!files.ParseFromIstream(&in) || files.file_size() == 0) {
    return absl::InvalidArgumentError(fmt::format("descriptors {} is not a FileDescriptorSet; {}", path, kHowToMake));
  }
  return files;
}

void ProtoMethods::Faults::AddError(const std::string& file, const std::string& /*element*/,
                                    const google::protobuf::Message* /*descriptor*/, ErrorLocation /*location*/,
                                    const std::string& message) {
  if (text.empty()) text = fmt::format("{}: {}", file, message);
}

ProtoMethods::ProtoMethods(ProtoFiles files, std::string from)
    : from_(std::move(from)), files_(Completed(std::move(files))), pool_(&database_, &faults_) {
  for (const auto& file : files_.file()) database_.Add(file);
}

std::vector<std::string> ProtoMethods::Known() const {
  std::vector<std::string> known;
  for (const auto& file : files_.file()) {
    for (const auto& service : file.service()) {
      const std::string prefix = file.package().empty() ? "" : file.package() + ".";
      for (const auto& method : service.method())
        known.push_back(fmt::format("{}{}/{}", prefix, service.name(), method.name()));
    }
  }
  return known;
}

absl::StatusOr<const google::protobuf::MethodDescriptor*> ProtoMethods::FindUnary(const std::string& method) const {
  std::string dotted = method;
  std::replace(dotted.begin(), dotted.end(), '/', '.');
  const google::protobuf::MethodDescriptor* const found = pool_.FindMethodByName(dotted);
  if (found != nullptr) {
    if (!found->client_streaming() && !found->server_streaming()) return found;
    return absl::InvalidArgumentError(fmt::format("method {} streams; only unary calls can be fired", method));
  }
  if (!faults_.text.empty())
    return absl::InvalidArgumentError(fmt::format("{} is not complete: {}; {}", from_, faults_.text, kHowToMake));
  std::vector<std::string> known = Known();
  const std::string none = fmt::format("there is no method {} in {}", method, from_);
  if (const std::optional<std::string> nearest = NearestName(method, known))
    return absl::NotFoundError(fmt::format("{}; did you mean {}?", none, *nearest));
  if (known.empty()) return absl::NotFoundError(none + ", nor any other");
  if (known.size() > kShownMethods) known.resize(kShownMethods);
  return absl::NotFoundError(fmt::format("{}; there are {}", none, fmt::join(known, ", ")));
}

}  // namespace assay
