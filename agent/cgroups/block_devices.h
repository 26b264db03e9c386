#ifndef ASSAY_AGENT_CGROUPS_BLOCK_DEVICES_H_
#define ASSAY_AGENT_CGROUPS_BLOCK_DEVICES_H_

#include <absl/container/flat_hash_map.h>

#include <string>
#include <string_view>

namespace assay {

// Which block devices are stacked on others (device mapper, RAID), by sysfs. Asked once per device and kept.
class BlockDevices {
 public:
  explicit BlockDevices(std::string sys_root) : sys_root_(std::move(sys_root)) {}

  // `device` is "major:minor". A device that sysfs does not tell about is not stacked.
  bool Stacked(std::string_view device);

 private:
  std::string sys_root_;
  absl::flat_hash_map<std::string, bool> stacked_;
};

}  // namespace assay

#endif  // ASSAY_AGENT_CGROUPS_BLOCK_DEVICES_H_
