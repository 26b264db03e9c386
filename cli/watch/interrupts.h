#ifndef ASSAY_CLI_WATCH_INTERRUPTS_H_
#define ASSAY_CLI_WATCH_INTERRUPTS_H_

#include <csignal>
#include <cstdint>
#include <optional>

namespace assay {

// How a long command takes being told to stop. Ctrl-C once: drain; twice: stop now; three times: leave at once. SIGTERM
// is a Ctrl-C, and a second one 10 s later. SIGHUP: drain without a word, for nobody is there to read it. Pure.
class InterruptLadder {
 public:
  static constexpr int64_t kTermGraceNs = 10'000'000'000;

  enum class Step { kNone, kDrain, kDrainQuietly, kStopNow, kLeave };
  Step Signalled(int signal, int64_t now_ns);
  // What is due by the passing of time.
  Step Tick(int64_t now_ns);
  bool interrupted() const { return level_ > 0; }

 private:
  Step Raise();

  int level_ = 0;
  int64_t stop_at_ns_ = 0;  // 0: never
};

// Takes SIGINT, SIGTERM and SIGHUP as readable events instead of as the process's end, for as long as it lives. Make it
// before any thread: threads inherit the mask. Processes made by Spawn get a clean one.
class Interrupts {
 public:
  Interrupts();
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  int fd() const { return fd_; }
  // The next pending signal's number.
  std::optional<int> Take();

 private:
  sigset_t before_;
  int fd_;
};

}  // namespace assay

#endif  // ASSAY_CLI_WATCH_INTERRUPTS_H_
