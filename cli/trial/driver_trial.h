#ifndef ASSAY_CLI_TRIAL_DRIVER_TRIAL_H_
#define ASSAY_CLI_TRIAL_DRIVER_TRIAL_H_

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "assay/v1/record.pb.h"
#include "cli/trial/broken_rules.h"
#include "common/driver/driver_line.h"
#include "common/driver/driver_talk.h"

namespace assay {

// What a driver is given, and how long it may take for it.
struct DriverTrialPlan {
  std::vector<std::string> argv;
  std::string target = "trial";
  std::string options_json = "{}";  // with the agent's names in it, as a scenario has them: $(run), $(target), ...
  std::string task_json;            // and $(index); empty: none
  uint64_t tasks = 1000;
  uint64_t batch = 500;
  int64_t sleep_ns = 1'000'000;  // -1: none
  int64_t prepare_timeout_ns = 60'000'000'000;
  int64_t tasks_timeout_ns = 60'000'000'000;
};

// How a trial goes: through the whole talk; cancelled while its tasks are in flight; or left, as when the agent dies.
enum class DriverTrialKind { kWhole, kCancelled, kLeft };

// What was seen.
struct DriverTrialReport {
  DriverTrialKind kind = DriverTrialKind::kWhole;
  v1::DriverInfo info;
  bool started = false;      // there was a process
  bool interrupted = false;  // by the user
  int64_t ready_ns = 0;      // since its start; 0: never
  int64_t tasks_ns = 0;      // from the first task given to the last one done; 0: none was
  uint64_t tasks = 0;        // given
  uint64_t ok = 0;           // of them done and ok
  uint64_t failed = 0;       // over, and not ok
  std::string first_failed;  // which, and why
  uint64_t lines = 0;
  uint64_t events = 0;
  std::array<uint64_t, kDriverEvents> kinds = {};
  std::vector<v1::Span> spans;
  BrokenRules broken;
  std::vector<std::string> notes;  // what is allowed, but worth a look

  // How fast it does nothing, or fails, is no rate.
  bool HasRate() const { return ok > 0 && tasks_ns > 0; }
  double EventsPerSecond() const { return static_cast<double>(events) * 1e9 / static_cast<double>(tasks_ns); }
  double TasksPerSecond() const { return static_cast<double>(ok + failed) * 1e9 / static_cast<double>(tasks_ns); }
};

// Starts the driver, talks with it as an agent does, and checks each rule of docs/driver.md. Nothing of its process
// group is left afterwards. `stop_fd`: readable when the user wants no more; -1: none.
DriverTrialReport TryDriver(const DriverTrialPlan& plan, DriverTrialKind kind, int stop_fd);

}  // namespace assay

#endif  // ASSAY_CLI_TRIAL_DRIVER_TRIAL_H_
