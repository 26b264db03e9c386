#include "common/program.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>

namespace assay {
namespace {

// The parent is asked for at the begin of main, and may have ended while flags were read.
TEST(EndWithParent, AParentThatHasEndedAlreadyIsTold) {
  const pid_t gone = fork();
  if (gone == 0) _exit(0);
  waitpid(gone, nullptr, 0);
  const pid_t orphan = fork();
  if (orphan == 0) _exit(EndWithParent(gone) ? 1 : 0);
  int status = -1;
  waitpid(orphan, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST(EndWithParent, TheSignalComesWhenTheParentEnds) {
  constexpr int kPatienceMs = 60'000;
  std::array<int, 2> ready{-1, -1};
  std::array<int, 2> alive{-1, -1};  // its writing end is open as long as the grandchild is there
  ASSERT_EQ(pipe(ready.data()), 0);
  ASSERT_EQ(pipe(alive.data()), 0);
  const pid_t parent = fork();
  if (parent == 0) {
    const pid_t self = getpid();
    if (fork() == 0) {
      alarm(2 * kPatienceMs / 1000);  // if nothing else ends it
      const char byte = EndWithParent(self, SIGKILL) ? 'y' : 'n';
      [[maybe_unused]] const ssize_t told = write(ready[1], &byte, 1);
      while (true) pause();
    }
    close(alive[1]);
    char byte = 0;
    [[maybe_unused]] const ssize_t heard = read(ready[0], &byte, 1);
    _exit(byte == 'y' ? 0 : 1);
  }
  close(alive[1]);
  int status = -1;
  waitpid(parent, &status, 0);
  EXPECT_EQ(status, 0);
  pollfd end{.fd = alive[0], .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&end, 1, kPatienceMs), 1) << "it outlives its parent";
  for (const int fd : {ready[0], ready[1], alive[0]}) close(fd);
}

}  // namespace
}  // namespace assay
