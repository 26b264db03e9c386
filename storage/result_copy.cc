#include "storage/result_copy.h"

#include <fmt/format.h>

#include <algorithm>
#include <pqxx/pqxx>
#include <pqxx/tablewriter>
#include <string>

#include "storage/copy_text.h"
#include "storage/metric_rows.h"
#include "storage/result_rows.h"
#include "storage/task_rows.h"

namespace assay {
namespace {

constexpr size_t kChunkBytes = 64 << 10;

// tablewriter, and not the stream_to that libpqxx 6 advises: only it takes rows that are in COPY's format already (see
// CopyText).
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
class Copy {
 public:
  Copy(pqxx::transaction_base& transaction, const std::string& table, const std::vector<std::string>& columns)
      : writer_(transaction, table, columns.begin(), columns.end()) {}

  CopyText& rows() { return rows_; }
  void RowDone() {
    if (rows_.size() >= kChunkBytes) Flush();
  }
  // Errors of any row appear here. Without it, on the way of an exception, the destructor ends the COPY; the
  // transaction is then rolled back.
  void Complete() {
    if (rows_.size() > 0) Flush();
    writer_.complete();
  }

 private:
  void Flush() {
    writer_.write_raw_line(rows_.text());
    rows_.Clear();
  }
  pqxx::tablewriter writer_;
  CopyText rows_;
};
#pragma GCC diagnostic pop

template <typename Record, typename Append>
void CopyRecords(pqxx::transaction_base& transaction, const std::string& table, const std::vector<std::string>& columns,
                 const std::vector<BatchOfAgent>& batches,
                 const google::protobuf::RepeatedPtrField<Record>& (v1::Batch::*records)() const,
                 const Append& append) {
  if (std::none_of(batches.begin(), batches.end(),
                   [&](const BatchOfAgent& one) { return !(one.batch->*records)().empty(); }))
    return;
  Copy copy(transaction, table, columns);
  for (const BatchOfAgent& one : batches) {
    for (const Record& record : (one.batch->*records)()) {
      append(copy.rows(), one.batch->run_id(), one.agent_id, record);
      copy.RowDone();
    }
  }
  copy.Complete();
}

void CopyTriggers(pqxx::transaction_base& transaction, int64_t sweep_id, const std::vector<BatchOfAgent>& batches,
                  bool plain) {
  const auto wanted = [plain](const v1::TriggerRecord& trigger) { return IsPlain(trigger) == plain; };
  if (std::none_of(batches.begin(), batches.end(), [&](const BatchOfAgent& one) {
        return std::any_of(one.batch->triggers().begin(), one.batch->triggers().end(), wanted);
      })) {
    return;
  }
  Copy copy(transaction, fmt::format("assay_partitions.trigger_{}", sweep_id),
            plain ? PlainTriggerColumns() : TriggerColumns());
  for (const BatchOfAgent& one : batches) {
    for (const v1::TriggerRecord& trigger : one.batch->triggers()) {
      if (!wanted(trigger)) continue;
      plain ? AppendPlainTrigger(copy.rows(), one.batch->run_id(), one.agent_id, trigger)
            : AppendTrigger(copy.rows(), one.batch->run_id(), one.agent_id, trigger);
      copy.RowDone();
    }
  }
  copy.Complete();
}

}  // namespace

void CopySweep(pqxx::transaction_base& transaction, int64_t sweep_id, const std::vector<BatchOfAgent>& batches) {
  CopyTriggers(transaction, sweep_id, batches, true);
  CopyTriggers(transaction, sweep_id, batches, false);
  CopyRecords(transaction, fmt::format("assay_partitions.task_{}", sweep_id), TaskColumns(), batches, &v1::Batch::tasks,
              AppendTask);
  CopyRecords(transaction, fmt::format("assay_partitions.sample_{}", sweep_id), SampleColumns(), batches,
              &v1::Batch::cgroup_samples, AppendSample);
  CopyRecords(transaction, fmt::format("assay_partitions.host_sample_{}", sweep_id), HostSampleColumns(), batches,
              &v1::Batch::host_samples, AppendHostSample);
  CopyRecords(transaction, "assay.metric_sample", MetricColumns(), batches, &v1::Batch::metric_samples,
              [sweep_id](CopyText& rows, int64_t run_id, int64_t agent_id, const v1::MetricSample& sample) {
                AppendMetric(rows, sweep_id, run_id, agent_id, sample);
              });
}

}  // namespace assay
