#ifndef ASSAY_CLI_TRIAL_TRIED_DRIVER_H_
#define ASSAY_CLI_TRIAL_TRIED_DRIVER_H_

#include <absl/status/status.h>
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/trial/driver_end.h"
#include "common/bounded_output.h"

namespace assay {

// The process of a driver that is tried: spoken with in lines, waited for with poll, its stderr passed on to ours.
// Nothing of its process group is left afterwards.
class TriedDriver {
 public:
  struct Ears {
    std::function<void(std::string_view line, int64_t now_ns)> line;
    std::function<void()> read;  // all lines of one piece were told
    std::function<void()> overlong;
  };
  // `stop_fd`: readable when the user wants no more; -1: none.
  TriedDriver(int stop_fd, Ears ears) : stop_fd_(stop_fd), ears_(std::move(ears)) {}
  ~TriedDriver() { End(); }
  TriedDriver(const TriedDriver&) = delete;
  TriedDriver& operator=(const TriedDriver&) = delete;

  absl::Status Start(const std::vector<std::string>& argv);
  void Say(std::string_view line);
  void CloseStdin();
  // Nothing more of it is read, nor waited for.
  void Condemn() { condemned_ = true; }
  // Reads and writes until `enough`, the driver's end, the user's, or so late; says whether it was enough.
  bool Until(const std::function<bool()>& enough, int64_t for_ns);
  bool GroupHasOthers();
  // Kills what is left. What it said last, if that has no end.
  std::string End();

  bool exited() const { return exited_; }
  bool condemned() const { return condemned_; }              // also by a line that is too long
  bool interrupted() const { return interrupted_; }          // by the user
  DriverEnd end() const { return {code_, stderr_.Text()}; }  // of one that has exited

 private:
  void Read();
  void ReadErr();
  void Write();
  void Exited();
  void Reap();

  const int stop_fd_;
  const Ears ears_;
  pid_t pid_ = -1;
  int pidfd_ = -1;
  int stdin_fd_ = -1;
  int stdout_fd_ = -1;
  int stderr_fd_ = -1;
  std::string outbox_;
  std::string text_;  // that has no end yet
  BoundedOutput stderr_;
  bool condemned_ = false;
  bool interrupted_ = false;
  bool exited_ = false;
  bool reaped_ = false;
  int code_ = 0;  // negative: the signal
};

}  // namespace assay

#endif  // ASSAY_CLI_TRIAL_TRIED_DRIVER_H_
