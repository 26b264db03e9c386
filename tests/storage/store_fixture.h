#ifndef ASSAY_TESTS_STORAGE_STORE_FIXTURE_H_
#define ASSAY_TESTS_STORAGE_STORE_FIXTURE_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "assay/v1/record.pb.h"
#include "common/nanoseconds.h"
#include "storage/connection.h"
#include "storage/result_writer.h"
#include "storage/sweep_store.h"

namespace assay {

inline constexpr int64_t kT0Ns = 1'700'000'000'000'000'000;  // 2023-11-14 22:13:20 UTC

// A database of its own with two agents, "a" and "b".
class StoreTest : public ::testing::Test {
 protected:
  StoreTest();

  // First column of the first row as text; "null", or "nothing" without rows.
  std::string Value(const std::string& sql);
  int64_t Count(const std::string& table_and_where) {
    return std::stoll(Value("SELECT count(*) FROM " + table_and_where));
  }
  // NaN for null, which fails the test.
  double Number(const std::string& column, const std::string& from);
  absl::Status Execute(const std::string& sql);

  SweepRow MakeSweep(uint32_t blocks, const std::vector<std::pair<std::string, std::string>>& target_and_params);
  // A run with `count` triggers for each of `agents`, contiguous, and 2 slots each.
  RunRow MakeRun(const SweepRow& sweep, size_t cell, uint32_t block, const std::vector<int64_t>& agents,
                 uint64_t count);
  RunRow StartedRun(const SweepRow& sweep, size_t cell, uint32_t block, const std::vector<int64_t>& agents,
                    uint64_t count);

  // A stream of an agent, and its next batch.
  void Open(const std::string& stream, int64_t agent_id);
  v1::Batch NextBatch(const std::string& stream, int64_t run_id);
  static void AddTrigger(v1::Batch& batch, uint64_t index, int64_t intended_ns, int64_t started_ns, int64_t finished_ns,
                         v1::Outcome outcome = v1::OK);
  ResultWriter::Written WriteOk(const std::vector<v1::Batch>& batches);

  const std::string url_;
  Connection connection_;
  SweepStore store_;
  ResultWriter writer_;
  int64_t a_ = 0;
  int64_t b_ = 0;

 private:
  std::vector<std::pair<std::string, uint64_t>> last_seq_;
};

}  // namespace assay

#endif  // ASSAY_TESTS_STORAGE_STORE_FIXTURE_H_
