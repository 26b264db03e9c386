#ifndef ASSAY_TESTS_UNIT_SPOOL_SPOOL_FIXTURE_H_
#define ASSAY_TESTS_UNIT_SPOOL_SPOOL_FIXTURE_H_

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/spool/spool.h"
#include "tests/unit/captured_log.h"
#include "tests/unit/temp_dir.h"

namespace assay {

inline constexpr char kCluster[] = "cluster-a";

inline v1::Batch Records(int64_t run_id, int count, size_t output_bytes = 0) {
  v1::Batch batch;
  batch.set_run_id(run_id);
  for (int i = 0; i < count; ++i) {
    v1::TriggerRecord* record = batch.add_triggers();
    record->set_index(static_cast<uint64_t>(i));
    record->set_outcome(v1::OK);
    record->set_output(std::string(output_bytes, 'x'));
  }
  return batch;
}

inline v1::Batch Start(int64_t run_id) {
  v1::Batch batch;
  batch.set_run_id(run_id);
  batch.mutable_share_start();
  return batch;
}

inline v1::Batch End(int64_t run_id) {
  v1::Batch batch;
  batch.set_run_id(run_id);
  batch.mutable_share_end()->set_fired(1);
  return batch;
}

// A spool in a directory of its own.
class SpoolTest : public ::testing::Test {
 protected:
  std::unique_ptr<Spool> OpenSpool(const std::string& incarnation, uint64_t limit_bytes = 1 << 30,
                                   const std::string& cluster = kCluster) {
    auto spool = Spool::Open({.directory = directory_, .limit_bytes = limit_bytes, .incarnation = incarnation});
    EXPECT_TRUE(spool.ok()) << spool.status();
    if (!spool.ok()) return nullptr;
    const absl::Status status = (*spool)->UseCluster(cluster);
    EXPECT_TRUE(status.ok()) << status;
    return *std::move(spool);
  }

  std::string StreamDirectory(const std::string& incarnation, const std::string& cluster = kCluster) const {
    return directory_ + "/" + cluster + "/" + incarnation;
  }

  std::vector<std::string> Segments(const std::string& incarnation) const {
    std::vector<std::string> paths;
    for (const auto& file : std::filesystem::directory_iterator(StreamDirectory(incarnation))) {
      if (file.path().extension() == ".seg") paths.push_back(file.path());
    }
    std::sort(paths.begin(), paths.end());
    return paths;
  }

  // A process that appends and is gone without a word, as after SIGKILL.
  void AppendAndDie(const std::string& incarnation, std::vector<v1::Batch> batches, uint64_t limit_bytes = 1 << 30,
                    uint64_t acked = 0) {
    const pid_t pid = fork();
    if (pid == 0) {
      auto spool = Spool::Open({.directory = directory_, .limit_bytes = limit_bytes, .incarnation = incarnation});
      if (!spool.ok() || !(*spool)->UseCluster(kCluster).ok()) _exit(1);
      for (v1::Batch& batch : batches) {
        (*spool)->Append(std::move(batch));
        if (!(*spool)->Flush().ok()) _exit(2);
      }
      if (acked > 0) {
        if ((*spool)->Offer().back() != incarnation || !(*spool)->Resume(incarnation, acked).ok()) _exit(3);
        if (!(*spool)->Flush().ok()) _exit(4);
      }
      _exit(0);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    ASSERT_EQ(status, 0);
  }

  static v1::Batch Take(Spool& spool) {
    const auto next = spool.Next(std::chrono::seconds(20));
    v1::Batch batch;
    EXPECT_TRUE(next.has_value());
    if (!next.has_value()) return batch;
    EXPECT_TRUE(batch.ParseFromString(next->bytes));
    EXPECT_EQ(batch.stream(), next->stream);
    EXPECT_EQ(batch.seq(), next->seq);
    return batch;
  }

  const TempDir temp_;
  const std::string directory_ = temp_.path();
  CapturedLog log_;
};

}  // namespace assay

#endif  // ASSAY_TESTS_UNIT_SPOOL_SPOOL_FIXTURE_H_
