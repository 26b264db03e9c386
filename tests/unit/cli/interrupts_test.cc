#include "cli/watch/interrupts.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdint>

#include "common/nanoseconds.h"

namespace assay {
namespace {

TEST(InterruptLadderTest, CtrlCThreeTimes) {
  InterruptLadder ladder;
  EXPECT_FALSE(ladder.interrupted());
  EXPECT_EQ(ladder.Signalled(SIGINT, 0), InterruptLadder::Step::kDrain);
  EXPECT_EQ(ladder.Tick(3600 * kSecond), InterruptLadder::Step::kNone);
  EXPECT_EQ(ladder.Signalled(SIGINT, 0), InterruptLadder::Step::kStopNow);
  EXPECT_EQ(ladder.Signalled(SIGINT, 0), InterruptLadder::Step::kLeave);
  EXPECT_TRUE(ladder.interrupted());
}

TEST(InterruptLadderTest, TermStopsByItselfAfterTenSeconds) {
  InterruptLadder ladder;
  EXPECT_EQ(ladder.Signalled(SIGTERM, 5 * kSecond), InterruptLadder::Step::kDrain);
  EXPECT_EQ(ladder.Tick(14 * kSecond), InterruptLadder::Step::kNone);
  EXPECT_EQ(ladder.Tick(15 * kSecond), InterruptLadder::Step::kStopNow);
  EXPECT_EQ(ladder.Tick(99 * kSecond), InterruptLadder::Step::kNone);
}

TEST(InterruptLadderTest, AClosedTerminalDrainsOnce) {
  InterruptLadder ladder;
  EXPECT_EQ(ladder.Signalled(SIGHUP, 0), InterruptLadder::Step::kDrainQuietly);
  EXPECT_EQ(ladder.Signalled(SIGHUP, 0), InterruptLadder::Step::kNone);
  EXPECT_EQ(ladder.Signalled(SIGTERM, 0), InterruptLadder::Step::kStopNow);
}

TEST(InterruptsTest, SignalsBecomeEvents) {
  Interrupts interrupts;
  EXPECT_FALSE(interrupts.Take());
  raise(SIGINT);
  EXPECT_EQ(interrupts.Take(), SIGINT);
  raise(SIGTERM);  // not looked at: dropped with the object, or this process would end here
}

}  // namespace
}  // namespace assay
