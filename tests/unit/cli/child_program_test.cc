#include "cli/stack/child_program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/types.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "common/whole_file.h"
#include "tests/unit/temp_dir.h"

namespace assay {
namespace {

using testing::HasSubstr;

TEST(ChildProgramTest, TellsHowItEndedWithTheEndOfItsLog) {
  const TempDir dir;
  const std::string log = dir.Write("log", "from an earlier life\n");
  absl::StatusOr<std::unique_ptr<ChildProgram>> child =
      ChildProgram::Start("agent a", {"sh", "-c", "echo no disk; exit 7"}, log);
  ASSERT_TRUE(child.ok());
  while ((*child)->running()) usleep(1000);
  EXPECT_EQ((*child)->Obituary(), "agent a ended with exit code 7; the end of " + log + ":\n  no disk");
}

TEST(ChildProgramTest, WhatIgnoresTermIsKilledWithItsGroup) {
  const TempDir dir;
  absl::StatusOr<std::unique_ptr<ChildProgram>> child =
      ChildProgram::Start("stubborn", {"sh", "-c", "trap '' TERM; echo ready; sleep 1000 & wait"}, dir.path() + "/log");
  ASSERT_TRUE(child.ok());
  while (ReadWhole(dir.path() + "/log").empty()) usleep(1000);
  const pid_t group = (*child)->pid();
  (*child)->Stop(1'000'000);
  EXPECT_THAT((*child)->Obituary(), HasSubstr("was killed by signal 9"));
  // The orphaned sleep is reaped by init (or by nobody in a container): what counts is that nothing of the group runs.
  while (kill(-group, 0) == 0) {
    bool zombies_only = true;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      std::ifstream stat(entry.path() / "stat");
      std::string pid, name, state, parent;
      pid_t its_group = 0;
      stat >> pid >> name >> state >> parent >> its_group;
      if (its_group == group && state != "Z") zombies_only = false;
    }
    if (zombies_only) break;
    usleep(1000);
  }
}

}  // namespace
}  // namespace assay
