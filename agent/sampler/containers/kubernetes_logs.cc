#include "agent/sampler/containers/kubernetes_logs.h"

#include <array>
#include <filesystem>
#include <optional>
#include <string_view>

namespace assay {
namespace {

namespace fs = std::filesystem;

// Kubernetes' own names have no '_'.
std::optional<std::array<std::string, 3>> ThreeParts(std::string_view name) {
  const size_t first = name.find('_');
  const size_t last = name.rfind('_');
  if (first == std::string_view::npos || first == last) return std::nullopt;
  return std::array{std::string(name.substr(0, first)), std::string(name.substr(first + 1, last - first - 1)),
                    std::string(name.substr(last + 1))};
}

template <typename Take>
void EachName(const fs::path& directory, const Take& take) {
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    take(entry->path().filename().string());
  }
}

}  // namespace

void KubernetesLogs::List() {
  containers_.clear();
  pods_.clear();
  EachName(fs::path(log_root_) / "containers", [this](const std::string& file) {
    const std::string_view name = std::string_view(file).substr(0, file.rfind(".log"));
    const size_t dash = name.rfind('-');
    if (dash == std::string_view::npos) return;
    if (const auto parts = ThreeParts(name.substr(0, dash)))
      containers_[std::string(name.substr(dash + 1))] = {{(*parts)[0], (*parts)[1]}, (*parts)[2]};
  });
  EachName(fs::path(log_root_) / "pods", [this](const std::string& directory) {
    if (const auto parts = ThreeParts(directory)) pods_[(*parts)[2]] = {(*parts)[1], (*parts)[0]};
  });
}

void KubernetesLogs::Describe(const ContainerPath& path, Container& container) const {
  if (const auto named = containers_.find(path.id); named != containers_.end()) {
    container.name = named->second.name;
    container.pod = named->second.pod.name;
    container.pod_namespace = named->second.pod.pod_namespace;
  } else if (const auto pod = pods_.find(path.pod_uid); !path.pod_uid.empty() && pod != pods_.end()) {
    container.pod = pod->second.name;
    container.pod_namespace = pod->second.pod_namespace;
  }
}

}  // namespace assay
