#include "agent/loop/event_loop.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "agent/loop/timer_heap.h"
#include "common/clock.h"

namespace assay {
namespace {

using testing::ElementsAre;

TEST(TimerHeap, OrderedByInstantThenByAddition) {
  TimerHeap heap;
  std::vector<int> ran;
  heap.Add(20, [&] { ran.push_back(2); });
  heap.Add(10, [&] { ran.push_back(0); });
  heap.Add(30, [&] { ran.push_back(4); });
  heap.Add(10, [&] { ran.push_back(1); });
  heap.Add(20, [&] { ran.push_back(3); });
  EXPECT_EQ(heap.NextNs(), 10);
  EXPECT_FALSE(heap.PopDue(9));
  while (const auto due = heap.PopDue(29)) due();
  EXPECT_THAT(ran, ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(heap.NextNs(), 30);
}

TEST(TimerHeap, ACancelledIdNeverTouchesItsSuccessor) {
  TimerHeap heap;
  const uint64_t first = heap.Add(10, [] {});
  heap.Cancel(first);
  bool ran = false;
  const uint64_t second = heap.Add(10, [&] { ran = true; });
  EXPECT_NE(first, second);
  heap.Cancel(first);
  heap.Cancel(0);
  heap.Cancel(~uint64_t{0});
  EXPECT_EQ(heap.size(), 1U);
  heap.PopDue(10)();
  EXPECT_TRUE(ran);
  heap.Cancel(second);
  EXPECT_EQ(heap.size(), 0U);
  EXPECT_EQ(heap.NextNs(), TimerHeap::kNever);
}

TEST(TimerHeap, CancelledOnesDoNotPileUp) {
  TimerHeap heap;
  heap.Add(1'000'000, [] {});
  for (int i = 0; i < 100'000; ++i) heap.Cancel(heap.Add(2'000'000 + i, [] {}));
  EXPECT_EQ(heap.size(), 1U);
  EXPECT_LT(heap.heap_size(), 1000U);
  EXPECT_EQ(heap.NextNs(), 1'000'000);
}

TEST(TimerHeap, RandomAddsAndCancelsAgreeWithASortedList) {
  std::mt19937 random(7);
  TimerHeap heap;
  std::vector<std::pair<uint64_t, int64_t>> live;
  std::vector<int64_t> ran;
  for (int step = 0; step < 20'000; ++step) {
    if (random() % 3 != 0 || live.empty()) {
      const int64_t at = static_cast<int64_t>(random() % 1000);
      live.emplace_back(heap.Add(at, [&ran, at] { ran.push_back(at); }), at);
    } else {
      const size_t victim = random() % live.size();
      heap.Cancel(live[victim].first);
      live.erase(live.begin() + static_cast<int64_t>(victim));
    }
  }
  std::vector<int64_t> expected;
  for (const auto& [id, at] : live) expected.push_back(at);
  std::sort(expected.begin(), expected.end());
  while (const auto due = heap.PopDue(1000)) due();
  EXPECT_EQ(ran, expected);
}

TEST(EventLoop, PostsFromManyThreadsEachRunOnceAndInOrder) {
  EventLoop loop;
  constexpr int kThreads = 4;
  constexpr int kPosts = 20'000;
  std::array<int, kThreads> next{};
  int ran = 0;
  bool ordered = true;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kPosts; ++i) {
        loop.Post([&, t, i] {
          ordered &= next[t]++ == i;
          if (++ran == kThreads * kPosts) loop.Stop();
        });
      }
    });
  }
  loop.Run();
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(ordered);
  EXPECT_EQ(ran, kThreads * kPosts);
}

TEST(EventLoop, TimersRunInOrderAndNeverEarly) {
  EventLoop loop;
  std::vector<int> ran;
  const int64_t begin_ns = MonotonicNs();
  bool early = false;
  const auto at = [&](int n, int64_t in_ns) {
    loop.At(begin_ns + in_ns, [&, n, in_ns] {
      early |= MonotonicNs() < begin_ns + in_ns;
      ran.push_back(n);
    });
  };
  at(3, 30'000'000);
  at(1, 10'000'000);
  at(0, -5);
  at(2, 20'000'000);
  const EventLoop::TimerId cancelled = loop.At(begin_ns + 15'000'000, [&] { ran.push_back(99); });
  loop.At(begin_ns + 40'000'000, [&] { loop.Stop(); });
  loop.Cancel(cancelled);
  loop.Run();
  EXPECT_THAT(ran, ElementsAre(0, 1, 2, 3));
  EXPECT_FALSE(early);
}

TEST(EventLoop, ATimerMaySetAndCancelOthers) {
  EventLoop loop;
  std::vector<int> ran;
  const int64_t now_ns = MonotonicNs();
  EventLoop::TimerId victim = 0;
  loop.At(now_ns, [&] {
    ran.push_back(0);
    loop.Cancel(victim);
    loop.At(now_ns, [&] { ran.push_back(1); });
    loop.At(MonotonicNs() + 1'000'000, [&] { loop.Stop(); });
  });
  victim = loop.At(now_ns, [&] { ran.push_back(99); });
  loop.Run();
  EXPECT_THAT(ran, ElementsAre(0, 1));
}

TEST(EventLoop, AnEarlierTimerSetByAPostWakesTheLoop) {
  EventLoop loop;
  std::thread runner([&] { loop.Run(); });
  std::atomic<bool> ran = false;
  loop.Post([&] {
    loop.At(MonotonicNs() + 3'600'000'000'000, [] {});
    loop.Post([&] {
      loop.At(MonotonicNs() + 1'000'000, [&] {
        ran = true;
        loop.Stop();
      });
    });
  });
  runner.join();  // an hour, if the earlier one did not rearm the timer
  EXPECT_TRUE(ran);
}

// A task that posts itself again for ever must leave room for timers and descriptors.
TEST(EventLoop, NobodyStarves) {
  EventLoop loop;
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0);
  bool timer = false;
  bool descriptor = false;
  std::function<void()> again = [&] {
    if (timer && descriptor) return loop.Stop();
    loop.Post(again);
    loop.Post([] {});
  };
  loop.Post(again);
  loop.At(MonotonicNs() + 5'000'000, [&] {
    timer = true;
    ASSERT_EQ(write(ends[1], "x", 1), 1);
  });
  loop.Watch(ends[0], EPOLLIN, [&](uint32_t) {
    descriptor = true;
    loop.Unwatch(ends[0]);
  });
  loop.Run();
  EXPECT_TRUE(timer && descriptor);
  close(ends[0]);
  close(ends[1]);
}

TEST(EventLoop, WatchIsLevelTriggeredUntilUnwatched) {
  EventLoop loop;
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0);
  ASSERT_EQ(write(ends[1], "abc", 3), 3);
  std::string read_so_far;
  ASSERT_TRUE(loop.Watch(ends[0], EPOLLIN, [&](uint32_t events) {
    if ((events & EPOLLIN) != 0) {
      char c = 0;
      ASSERT_EQ(read(ends[0], &c, 1), 1);
      read_so_far += c;
      if (read_so_far.size() == 3) close(ends[1]);
      return;
    }
    EXPECT_NE(events & EPOLLHUP, 0U);
    loop.Unwatch(ends[0]);
    loop.Stop();
  }));
  loop.Run();
  EXPECT_EQ(read_so_far, "abc");
  close(ends[0]);
}

TEST(EventLoop, AWatchMayBeForOtherEventsLater) {
  EventLoop loop;
  std::array<int, 2> ends{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()), 0);
  EXPECT_FALSE(loop.Rewatch(ends[0], EPOLLIN)) << "nothing is watched yet";
  std::vector<uint32_t> told;
  ASSERT_TRUE(loop.Watch(ends[0], EPOLLIN, [&](uint32_t events) {
    told.push_back(events);
    if (told.size() == 2) return loop.Stop();
    EXPECT_TRUE(loop.Rewatch(ends[0], EPOLLOUT));
  }));
  ASSERT_EQ(write(ends[1], "x", 1), 1);
  loop.Run();
  EXPECT_EQ(told, (std::vector<uint32_t>{EPOLLIN, EPOLLOUT}));
  close(ends[0]);
  close(ends[1]);
}

// Both are ready in one epoll_wait; whichever runs first takes the other away, and puts a new watch on the same number.
TEST(EventLoop, AnUnwatchedDescriptorIsNotCalledForEventsAlreadyFetched) {
  EventLoop loop;
  std::array<std::array<int, 2>, 2> pipes{};
  for (auto& ends : pipes) {
    ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0);
    ASSERT_EQ(write(ends[1], "x", 1), 1);
  }
  int called = 0;
  bool successor = false;
  const auto first_takes_the_other = [&](int self, int other) {
    return [&, self, other](uint32_t) {
      ++called;
      loop.Unwatch(self);
      loop.Unwatch(other);
      loop.Watch(other, EPOLLOUT, [&](uint32_t) { successor = true; });  // a read end is never writable
      loop.At(MonotonicNs() + 2'000'000, [&] { loop.Stop(); });
    };
  };
  loop.Watch(pipes[0][0], EPOLLIN, first_takes_the_other(pipes[0][0], pipes[1][0]));
  loop.Watch(pipes[1][0], EPOLLIN, first_takes_the_other(pipes[1][0], pipes[0][0]));
  loop.Run();
  EXPECT_EQ(called, 1);
  EXPECT_FALSE(successor);
  for (auto& ends : pipes) {
    close(ends[0]);
    close(ends[1]);
  }
}

TEST(EventLoop, StopFromAnotherThreadWakesASleepingLoop) {
  EventLoop loop;
  std::atomic<bool> running = false;
  loop.Post([&] { running = true; });
  std::thread runner([&] { loop.Run(); });
  while (!running) std::this_thread::yield();
  loop.Stop();
  runner.join();
}

}  // namespace
}  // namespace assay
