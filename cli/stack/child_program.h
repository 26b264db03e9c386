#ifndef ASSAY_CLI_STACK_CHILD_PROGRAM_H_
#define ASSAY_CLI_STACK_CHILD_PROGRAM_H_

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/spawn.h"

namespace assay {

// One of our own programs as a child with a log file. It is in a process group of its own, so the terminal's Ctrl-C
// does not reach it.
class ChildProgram {
 public:
  // Appends stdout and stderr to `log_path`; a log beyond 1 MiB is first moved to <log_path>.1.
  static absl::StatusOr<std::unique_ptr<ChildProgram>> Start(std::string name, std::vector<std::string> argv,
                                                             std::string log_path);
  ~ChildProgram();  // Stop(0)
  ChildProgram(const ChildProgram&) = delete;
  ChildProgram& operator=(const ChildProgram&) = delete;

  const std::string& name() const { return name_; }
  pid_t pid() const { return spawned_.pid; }
  bool running();
  // What ended it and the last lines it wrote in its log: "agent local-1 was killed by signal 9; the end of
  // /d/log/local-1.log: ...".
  std::string Obituary() const;

  void Terminate();                // SIGTERM, once: to an agent a second one means "now"; no waiting
  void Quit();                     // SIGQUIT: to an agent "kill your triggers and leave at once"; no waiting
  void Stop(int64_t patience_ns);  // SIGTERM, waits so long, then kills the whole group

 private:
  ChildProgram(std::string name, std::string log_path, int64_t log_begin, Spawned spawned)
      : name_(std::move(name)), log_path_(std::move(log_path)), log_begin_(log_begin), spawned_(spawned) {}
  bool Reap(int timeout_ms);

  const std::string name_;
  const std::string log_path_;
  const int64_t log_begin_;  // where this process's lines begin in the log
  Spawned spawned_;
  bool terminated_ = false;
  std::optional<int> wait_status_;
};

}  // namespace assay

#endif  // ASSAY_CLI_STACK_CHILD_PROGRAM_H_
