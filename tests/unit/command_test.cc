#include "common/command.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <string>

namespace assay {
namespace {

TEST(Command, OutputAndExitCode) {
  const auto result = RunCommand({.argv = {"sh", "-c", "echo out; echo err >&2; exit 3"}}, 10'000'000'000);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->exit_code, 3);
  EXPECT_EQ(result->output, "out\nerr\n");
  EXPECT_EQ(result->Describe(), "exited with 3");
}

TEST(Command, EnvironmentAndDirectory) {
  setenv("ASSAY_TEST_VALUE", "old", 1);
  const auto result =
      RunCommand({.argv = {"sh", "-c", "echo $ASSAY_TEST_VALUE $PWD"}, .env = {"ASSAY_TEST_VALUE=new"}, .cwd = "/"},
                 10'000'000'000);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->output, "new /\n");
}

TEST(Command, MissingProgramIsNotFound) {
  const auto result = RunCommand({.argv = {"no-such-program-here"}}, 0);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kNotFound);
  EXPECT_NE(result.status().message().find("no-such-program-here"), absl::string_view::npos);
}

TEST(Command, OnlyANameWithoutASlashIsLookedForInPath) {
  const auto why = [](const char* program) {
    return std::string(RunCommand({.argv = {program}}, 0).status().message());
  };
  EXPECT_EQ(why("no-such-program-here"), "cannot start 'no-such-program-here': no such program in PATH");
  EXPECT_EQ(why("/no/such/file"), "cannot start '/no/such/file': no such file, or no interpreter for it");
}

TEST(Command, TimeoutKillsTheWholeGroupEvenIfItIgnoresSigterm) {
  const auto result =
      RunCommand({.argv = {"sh", "-c", "trap '' TERM; echo begun; sleep 60 & wait; sleep 60"}}, 2'000'000'000);
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(result->timed_out);
  EXPECT_EQ(result->output, "begun\n");
}

TEST(Command, AGrandchildThatKeepsThePipeDoesNotHoldUs) {
  const auto result = RunCommand({.argv = {"sh", "-c", "setsid sleep 1000 & echo $!"}}, 600'000'000'000);
  ASSERT_TRUE(result.ok());
  EXPECT_FALSE(result->timed_out);
  EXPECT_LT(result->elapsed_ns, 500'000'000'000);
  EXPECT_EQ(kill(std::stoi(result->output), SIGKILL), 0) << "it sleeps still";
}

TEST(Spawn, NoDescriptorOfOursLeaks) {
  const int leak = open("/dev/null", O_RDONLY);  // without O_CLOEXEC
  const auto result = RunCommand({.argv = {"sh", "-c", "ls /proc/self/fd | wc -l"}}, 10'000'000'000);
  close(leak);
  ASSERT_TRUE(result.ok());
  EXPECT_LE(std::stoi(result->output), 4);  // 0, 1, 2 and the directory itself
}

}  // namespace
}  // namespace assay
