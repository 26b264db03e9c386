#ifndef ASSAY_AGENT_TRIGGERS_DRIVER_PROCESS_H_
#define ASSAY_AGENT_TRIGGERS_DRIVER_PROCESS_H_

#include <absl/status/status.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "agent/loop/event_loop.h"
#include "agent/loop/work_threads.h"
#include "agent/run_cgroups/run_cgroup.h"
#include "common/bounded_output.h"
#include "common/spawn.h"

namespace assay {

// A child that is spoken with in lines: what is written waits here until it reads, what it says is read in bounded
// pieces, what it complains of on stderr is kept bounded. Its process group goes with it. Loop's thread only.
class DriverProcess : public std::enable_shared_from_this<DriverProcess> {
 public:
  struct End {
    absl::Status start;     // not ok: it never existed
    std::string how;        // "exited with 3; its output ends with: ...", or what made it unbearable
    bool exited_0 = false;  // by itself
    std::string half_line;  // what it said last, if that has no end
  };
  struct Ears {
    std::function<void(std::string_view line)> line;
    std::function<void()> read;        // all lines of one piece were told
    std::function<void(End&&)> ended;  // once, when all it said was told and nothing of its group is left
  };
  DriverProcess(EventLoop& loop, WorkThreads& spawner) : loop_(loop), spawner_(spawner) {}
  ~DriverProcess();

  // `cgroup`: that it is to be in, and whose spawner it is started on; null: none.
  void Start(SpawnRequest request, RunCgroup* cgroup, Ears ears);
  // Dropped once it does not read any more.
  void Write(std::string_view bytes);
  // When all is written.
  void CloseStdin();
  // SIGTERM to its group, SIGKILL after the grace.
  void Terminate(int64_t grace_ns);
  // The same for what it did, which `ended` then tells.
  void Condemn(const std::string& why);
  // Kills its group at once and waits for it; nobody hears of it any more.
  void Abandon();

 private:
  void Launch(SpawnRequest request, RunCgroup* cgroup);  // on the spawner
  void Launched();                                       // on the loop again
  bool Listen();
  void WriteMore();
  void WatchStdin(bool wanted);
  bool ReadOut(int reads);
  void Split(std::string_view bytes);
  void ReadErr();
  void Exited();
  void Finish();
  void CloseAll();
  void KillAndReap();

  EventLoop& loop_;
  WorkThreads& spawner_;
  Ears ears_;
  End end_;
  std::string program_;
  bool launched_ = false;
  bool abandoned_ = false;
  bool reaped_ = false;
  bool overlong_ = false;
  bool condemned_ = false;
  bool stdin_watched_ = false;
  bool leaving_ = false;  // it was said bye
  bool stdin_closing_ = false;
  pid_t pid_ = -1;
  int pidfd_ = -1;
  int stdin_fd_ = -1;
  int stdout_fd_ = -1;
  int stderr_fd_ = -1;
  std::string outbox_;
  size_t written_ = 0;      // of outbox_
  std::string unfinished_;  // line
  BoundedOutput stderr_;
  EventLoop::TimerId kill_timer_ = 0;
};

}  // namespace assay

#endif  // ASSAY_AGENT_TRIGGERS_DRIVER_PROCESS_H_
