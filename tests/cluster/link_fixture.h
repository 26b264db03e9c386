#ifndef ASSAY_TESTS_CLUSTER_LINK_FIXTURE_H_
#define ASSAY_TESTS_CLUSTER_LINK_FIXTURE_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "agent/links/results_link.h"
#include "agent/spool/spool.h"
#include "common/nanoseconds.h"
#include "tests/cluster/fake_coordinator.h"
#include "tests/unit/captured_log.h"
#include "tests/unit/temp_dir.h"

namespace assay {

inline constexpr int64_t kHourNs = 3600 * kSecond;

inline v1::Batch Record(int64_t run_id, uint64_t index, size_t output_bytes = 0) {
  v1::Batch batch;
  batch.set_run_id(run_id);
  batch.add_triggers()->set_index(index);
  batch.mutable_triggers(0)->set_output(std::string(output_bytes, 'x'));
  return batch;
}

// A coordinator that is played by the test, over real gRPC on loopback, and a spool for what it is sent.
class LinkTest : public ::testing::Test {
 protected:
  std::unique_ptr<Spool> OpenSpool(const std::string& incarnation) {
    auto spool = Spool::Open({.directory = directory_, .limit_bytes = 1 << 30, .incarnation = incarnation});
    EXPECT_TRUE(spool.ok()) << spool.status();
    EXPECT_TRUE((*spool)->UseCluster("cluster-a").ok());
    return *std::move(spool);
  }

  ResultsLink::Options Options() const {
    return {.agent = "a", .cluster_id = "cluster-a", .max_in_flight_bytes = 8 << 20, .refused_retry_ms = 20};
  }

  void ExpectInOrder(uint64_t count) {
    std::lock_guard lock(coordinator_.mutex);
    ASSERT_EQ(coordinator_.batches.size(), count);
    for (uint64_t i = 0; i < count; ++i) {
      ASSERT_EQ(coordinator_.batches[i].seq(), i + 1);
      ASSERT_EQ(coordinator_.batches[i].triggers(0).index(), i);
    }
    EXPECT_EQ(coordinator_.gaps, 0u);
  }

  const TempDir temp_;
  const std::string directory_ = temp_.path();
  CapturedLog log_;
  FakeCoordinator coordinator_;
};

}  // namespace assay

#endif  // ASSAY_TESTS_CLUSTER_LINK_FIXTURE_H_
