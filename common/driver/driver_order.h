#ifndef ASSAY_COMMON_DRIVER_DRIVER_ORDER_H_
#define ASSAY_COMMON_DRIVER_DRIVER_ORDER_H_

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

// The lines of docs/driver.md: what an agent says to a driver. Every line comes with its end.
struct DriverTask {
  uint64_t index = 0;
  int64_t sleep_ns = -1;  // -1: none
  std::string json;       // empty: none
};
std::string DriverHelloLine();
std::string DriverPrepareLine(int64_t run_id, std::string_view target, uint64_t tasks, std::string_view options_json);
std::string DriverTasksLine(const std::vector<DriverTask>& tasks);
inline constexpr std::string_view kDriverCancelLine = "{\"type\":\"cancel\"}\n";
inline constexpr std::string_view kDriverDrainLine = "{\"type\":\"drain\"}\n";
inline constexpr std::string_view kDriverByeLine = "{\"type\":\"bye\"}\n";
// From there to its exit: after 100,000 tasks the clients of some targets take seconds to close.
inline constexpr int64_t kDriverExitPatienceNs = 20'000'000'000;

// Such a line again, as far as a driver that does nothing needs it.
struct DriverOrder {
  std::string type;
  std::vector<uint64_t> indices;  // of the tasks
};
absl::StatusOr<DriverOrder> ParseDriverOrder(std::string_view line);

}  // namespace assay

#endif  // ASSAY_COMMON_DRIVER_DRIVER_ORDER_H_
