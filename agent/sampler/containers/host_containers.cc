#include "agent/sampler/containers/host_containers.h"

#include <fmt/format.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include <string_view>

#include "common/whole_file.h"

namespace assay {
namespace {

constexpr size_t kShortId = 12;

template <typename Message>
bool ReadJson(const std::string& path, Message& message) {
  const std::string text = ReadWhole(path);
  return !text.empty() && google::protobuf::util::JsonStringToMessage(text, &message).ok();
}

// Below a key, whatever stands there: a value of no use where it is missing.
const google::protobuf::Value& At(const google::protobuf::Struct& parsed, const std::string& key) {
  static const auto& none = *new google::protobuf::Value();
  const auto found = parsed.fields().find(key);
  return found == parsed.fields().end() ? none : found->second;
}

}  // namespace

std::string NameOfId(const std::string& id) { return id.substr(0, kShortId); }

bool HostContainers::ReadDocker(Container& container) const {
  google::protobuf::Struct parsed;
  if (!ReadJson(fmt::format("{}/containers/{}/config.v2.json", docker_root_, container.id), parsed)) return false;
  const std::string& name = At(parsed, "Name").string_value();
  container.name = name.starts_with('/') ? name.substr(1) : name;
  const google::protobuf::Struct& config = At(parsed, "Config").struct_value();
  container.image = At(config, "Image").string_value();
  for (const auto& [key, value] : At(config, "Labels").struct_value().fields())
    container.labels[key] = value.string_value();
  return true;
}

// The list that containers/storage keeps, beside each storage driver's directory.
void HostContainers::ListPodman() {
  podman_.clear();
  for (const char* driver : {"overlay", "vfs", "btrfs"}) {
    google::protobuf::ListValue parsed;
    if (!ReadJson(fmt::format("{}/{}-containers/containers.json", podman_root_, driver), parsed)) continue;
    for (const auto& listed : parsed.values()) {
      Container container;
      container.id = At(listed.struct_value(), "id").string_value();
      const auto& names = At(listed.struct_value(), "names").list_value().values();
      if (!names.empty()) container.name = names.at(0).string_value();
      google::protobuf::Struct metadata;
      if (google::protobuf::util::JsonStringToMessage(At(listed.struct_value(), "metadata").string_value(), &metadata)
              .ok())
        container.image = At(metadata, "image-name").string_value();
      podman_[container.id] = container;
    }
  }
}

void HostContainers::List() {
  if (listed_) return;
  listed_ = true;
  ListPodman();
  logs_.List();
}

Container HostContainers::Find(const ContainerPath& path) {
  if (const auto known = known_.find(path.id); known != known_.end()) return known->second;
  Container container;
  container.id = path.id;
  if (!ReadDocker(container)) {
    List();
    if (const auto podman = podman_.find(path.id); podman != podman_.end()) container = podman->second;
  }
  if (!path.pod_uid.empty()) {
    List();
    logs_.Describe(path, container);
  }
  if (!container.name.empty()) return known_[path.id] = container;
  container.name = NameOfId(path.id);
  return container;
}

}  // namespace assay
