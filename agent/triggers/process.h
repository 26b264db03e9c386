#ifndef ASSAY_AGENT_TRIGGERS_PROCESS_H_
#define ASSAY_AGENT_TRIGGERS_PROCESS_H_

#include <absl/status/status.h>
#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "agent/loop/event_loop.h"
#include "agent/loop/work_threads.h"
#include "agent/run_cgroups/run_cgroup.h"
#include "common/bounded_output.h"
#include "common/spawn.h"

namespace assay {

// What became of a process.
struct ProcessEnd {
  absl::Status start;      // not ok: it never existed, and only the instants hold besides
  bool too_late = false;   // it never existed because its turn came after start_by_ns
  int64_t started_ns = 0;  // monotonic: just before it was forked, so fork and exec are part of its time
  int64_t finished_ns = 0;
  bool status_known = false;  // false if someone else reaped it
  int exit_code = 0;          // valid if signal is 0
  int signal = 0;
  bool timed_out = false;
  bool killed = false;  // Kill was called before it had ended
  int64_t cpu_ns = -1;  // user + system, with the children it waited for
  // Most resident memory of the largest of these; 0 if that is not more than this process has had itself. The kernel
  // counts ours as the child's until the program is loaded, so what is below cannot be told.
  uint64_t max_rss_bytes = 0;
  std::string output;
  uint64_t output_bytes = 0;
};

// One child process on the event loop, from the spawner to the last byte of its output. Its end is the pidfd, not the
// end of the pipe: a grandchild may keep that open, so it is read for 100 ms more and then closed.
class Process : public std::enable_shared_from_this<Process> {
 public:
  struct Options {
    SpawnRequest request;         // its descriptors are set here
    std::string stdin_bytes;      // empty: /dev/null
    int64_t timeout_ns = 0;       // since it existed; 0: none
    int64_t start_by_ns = 0;      // monotonic; later it is not started any more; 0: whenever its turn comes
    RunCgroup* cgroup = nullptr;  // that it is to be in, and whose spawner it is started on; must outlive it
  };
  Process(EventLoop& loop, WorkThreads& spawner);
  ~Process();

  // `ended` is called once, later, on the loop.
  void Start(Options options, std::function<void(ProcessEnd&&)> ended);
  // SIGTERM to its group, SIGKILL after the grace. One that is still waiting for the spawner is not started.
  void Kill(int64_t grace_ns);
  // Kills it at once and waits for it; `ended` is not called. The end of an owner that has no time left.
  void Abandon();

 private:
  void Launch();    // on the spawner
  void Launched();  // on the loop again
  void Terminate(int64_t grace_ns);
  void Exited();
  bool ReadOutput(int reads);
  void ClosePipe();
  void Finish();
  void KillAndReap();

  EventLoop& loop_;
  WorkThreads& spawner_;
  Options options_;
  std::function<void(ProcessEnd&&)> ended_;
  ProcessEnd end_;
  BoundedOutput output_;
  std::atomic<bool> unwanted_ = false;  // killed before it was started
  int64_t grace_ns_ = 0;
  bool launched_ = false;
  bool reaped_ = false;
  bool terminating_ = false;
  pid_t pid_ = -1;
  int pidfd_ = -1;
  int pipe_fd_ = -1;
  EventLoop::TimerId timeout_timer_ = 0;
  EventLoop::TimerId kill_timer_ = 0;
  EventLoop::TimerId linger_timer_ = 0;
};

}  // namespace assay

#endif  // ASSAY_AGENT_TRIGGERS_PROCESS_H_
