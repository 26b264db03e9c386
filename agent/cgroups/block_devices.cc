#include "agent/cgroups/block_devices.h"

#include <fmt/format.h>

#include <filesystem>

namespace assay {

bool BlockDevices::Stacked(std::string_view device) {
  std::string key(device);
  const auto known = stacked_.find(key);
  if (known != stacked_.end()) return known->second;
  std::error_code error;
  const std::filesystem::directory_iterator slaves(fmt::format("{}/dev/block/{}/slaves", sys_root_, device), error);
  const bool stacked = !error && slaves != std::filesystem::directory_iterator();
  stacked_.emplace(std::move(key), stacked);
  return stacked;
}

}  // namespace assay
