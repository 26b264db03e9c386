#include "common/command.h"

#include <absl/cleanup/cleanup.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <limits>

#include "common/bounded_output.h"
#include "common/clock.h"
#include "common/units.h"

namespace assay {
namespace {

constexpr int64_t kGraceNs = 2'000'000'000;
constexpr int64_t kLingerNs = 100'000'000;  // a grandchild may keep the pipe open: what is there is read, then we go
constexpr int kPollMs = 50;

}  // namespace

std::string CommandResult::Describe() const {
  if (timed_out) return fmt::format("took longer than {} and was killed", FormatDuration(elapsed_ns));
  if (signal != 0) return fmt::format("was killed by signal {}", signal);
  return fmt::format("exited with {}", exit_code);
}

absl::StatusOr<CommandResult> RunCommand(SpawnRequest request, int64_t timeout_ns, const std::atomic<bool>* stop) {
  std::array<int, 2> pipe_fds{};
  if (pipe2(pipe_fds.data(), O_CLOEXEC | O_NONBLOCK) != 0)
    return absl::ResourceExhaustedError("no descriptors left for a pipe");
  const absl::Cleanup close_read = [&] { close(pipe_fds[0]); };
  // The child's end must block as programs expect of their stdout.
  fcntl(pipe_fds[1], F_SETFL, 0);
  request.stdout_fd = pipe_fds[1];
  request.stderr_fd = pipe_fds[1];
  const int64_t begin_ns = MonotonicNs();
  const absl::StatusOr<Spawned> child = Spawn(request);
  close(pipe_fds[1]);
  if (!child.ok()) return child.status();
  const absl::Cleanup close_pidfd = [&] { close(child->pidfd); };

  CommandResult result;
  BoundedOutput output;
  const int64_t deadline_ns = timeout_ns > 0 ? begin_ns + timeout_ns : std::numeric_limits<int64_t>::max();
  int64_t kill_ns = std::numeric_limits<int64_t>::max();
  int64_t exited_ns = 0;
  bool pipe_open = true;
  std::array<char, 65536> buffer{};
  while (true) {
    std::array<pollfd, 2> fds{
        {{pipe_open ? pipe_fds[0] : -1, POLLIN, 0}, {exited_ns == 0 ? child->pidfd : -1, POLLIN, 0}}};
    poll(fds.data(), fds.size(), kPollMs);
    const int64_t now_ns = MonotonicNs();
    if (pipe_open && fds[0].revents != 0) {
      const ssize_t n = read(pipe_fds[0], buffer.data(), buffer.size());
      if (n > 0) output.Append({buffer.data(), static_cast<size_t>(n)});
      if (n == 0) pipe_open = false;
    }
    if (exited_ns == 0 && fds[1].revents != 0) exited_ns = now_ns;
    if (exited_ns != 0 && (!pipe_open || now_ns - exited_ns > kLingerNs)) break;
    if (exited_ns == 0 && kill_ns == std::numeric_limits<int64_t>::max() &&
        (now_ns >= deadline_ns || (stop != nullptr && *stop))) {
      result.timed_out = now_ns >= deadline_ns;
      kill(-child->pid, SIGTERM);
      kill_ns = now_ns + kGraceNs;
    }
    if (exited_ns == 0 && now_ns >= kill_ns) kill(-child->pid, SIGKILL);
  }
  int status = 0;
  waitpid(child->pid, &status, 0);
  result.elapsed_ns = exited_ns - begin_ns;
  if (WIFEXITED(status)) result.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
  result.output = output.Text();
  return result;
}

}  // namespace assay
