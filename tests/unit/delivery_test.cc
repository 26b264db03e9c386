#include "common/delivery.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <vector>

namespace assay {
namespace {

TEST(Delivery, AcksMayRepeatAndComeLateButNeverFromTheFuture) {
  SendWindow window;
  EXPECT_EQ(window.Append(), 1u);
  EXPECT_EQ(window.Append(), 2u);
  EXPECT_TRUE(window.Acked(2));
  EXPECT_TRUE(window.Acked(1));
  EXPECT_EQ(window.acked(), 2u);
  EXPECT_FALSE(window.Acked(3));
  EXPECT_FALSE(window.Resume(1));
}

// A lossy link that is cut at random: every batch is stored once and in order.
TEST(Delivery, EveryBatchOnceOverACutLink) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    std::mt19937_64 random(seed);
    SendWindow sender;
    ReceiveWindow receiver;
    std::deque<uint64_t> wire;
    std::deque<uint64_t> acks;
    std::vector<uint64_t> stored;
    for (int step = 0; step < 2000 || stored.size() < sender.last(); ++step) {
      ASSERT_LT(step, 100'000) << "seed " << seed;
      switch (random() % (step < 2000 ? 6 : 5)) {
        case 0:
        case 1:
          if (sender.HasNext()) {
            wire.push_back(sender.next());
            sender.Sent();
          }
          break;
        case 2:
          if (!wire.empty()) {
            const auto verdict = receiver.Offer(wire.front());
            ASSERT_NE(verdict, ReceiveWindow::Verdict::kGap) << "seed " << seed;
            if (verdict == ReceiveWindow::Verdict::kApply) stored.push_back(wire.front());
            wire.pop_front();
            acks.push_back(receiver.watermark());
          }
          break;
        case 3:
          if (!acks.empty()) {
            ASSERT_TRUE(sender.Acked(acks.front()));
            acks.pop_front();
          }
          break;
        case 4:
          if (random() % 20 == 0) {
            wire.clear();
            acks.clear();
            ASSERT_TRUE(sender.Resume(receiver.watermark()));
          }
          break;
        default:
          sender.Append();
      }
    }
    for (size_t i = 0; i < stored.size(); ++i) ASSERT_EQ(stored[i], i + 1) << "seed " << seed;
  }
}

TEST(Delivery, AGapIsSeen) {
  ReceiveWindow receiver(4);
  EXPECT_EQ(receiver.Offer(6), ReceiveWindow::Verdict::kGap);
  EXPECT_EQ(receiver.Offer(4), ReceiveWindow::Verdict::kDuplicate);
  EXPECT_EQ(receiver.Offer(5), ReceiveWindow::Verdict::kApply);
  EXPECT_EQ(receiver.watermark(), 5u);
}

}  // namespace
}  // namespace assay
