#include "agent/hooks/compose_order.h"

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace assay {
namespace {

std::string_view Label(const DockerContainer& container, const char* name) {
  const auto found = container.labels.find(name);
  return found == container.labels.end() ? std::string_view() : std::string_view(found->second);
}

// "db:service_healthy:false,cache:service_started:true" names two services.
std::vector<std::string_view> Needs(const DockerContainer& container) {
  std::vector<std::string_view> services;
  std::string_view list = Label(container, "com.docker.compose.depends_on");
  while (!list.empty()) {
    const std::string_view entry = list.substr(0, list.find(','));
    services.push_back(entry.substr(0, entry.find(':')));
    list.remove_prefix(std::min(list.size(), entry.size() + 1));
  }
  return services;
}

}  // namespace

std::vector<DockerContainer> InStartOrder(std::vector<DockerContainer> containers) {
  std::erase_if(containers, [](const auto& c) { return Label(c, "com.docker.compose.oneoff") == "True"; });
  std::sort(containers.begin(), containers.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  std::vector<DockerContainer> ordered;
  std::vector<bool> taken(containers.size());
  // Taken before its needs are: a circle, which Compose refuses, ends all the same.
  const std::function<void(size_t)> take = [&](size_t i) {
    if (taken[i]) return;
    taken[i] = true;
    for (const std::string_view service : Needs(containers[i])) {
      for (size_t other = 0; other < containers.size(); ++other) {
        if (Label(containers[other], "com.docker.compose.service") == service) take(other);
      }
    }
    ordered.push_back(containers[i]);
  };
  for (size_t i = 0; i < containers.size(); ++i) take(i);
  return ordered;
}

}  // namespace assay
