#include "agent/load/record_batch.h"

#include <utility>

#include "common/clock.h"

namespace assay {
namespace {

constexpr size_t kMaxRecords = 1000;
// A batch travels as one message, and captured output makes records of up to 8 KiB; gRPC's limit is 8 MiB.
constexpr size_t kMaxBytes = 1 << 20;
constexpr int64_t kMaxWaitNs = 50'000'000;
constexpr size_t kRecordBytes = 128;  // what a record weighs besides its texts, roughly

}  // namespace

RecordBatch::RecordBatch(EventLoop& loop, BatchSink& sink, int64_t run_id)
    : loop_(loop), sink_(sink), run_id_(run_id) {}

RecordBatch::~RecordBatch() { loop_.Cancel(timer_); }

void RecordBatch::Add(v1::TriggerRecord&& record) {
  const size_t bytes = kRecordBytes + record.output().size() + record.error().size();
  *batch_.add_triggers() = std::move(record);
  Added(bytes);
}

void RecordBatch::Add(v1::TaskRecord&& task) {
  const size_t bytes = kRecordBytes + task.ByteSizeLong();
  *batch_.add_tasks() = std::move(task);
  Added(bytes);
}

void RecordBatch::Add(v1::CgroupSample&& sample) {
  const size_t bytes = kRecordBytes + sample.cgroup().size();
  *batch_.add_cgroup_samples() = std::move(sample);
  Added(bytes);
}

void RecordBatch::Add(v1::HostSample&& sample) {
  *batch_.add_host_samples() = std::move(sample);
  Added(kRecordBytes);
}

void RecordBatch::Add(v1::CgroupSeries&& series) {
  const size_t bytes = kRecordBytes + series.ByteSizeLong();
  *batch_.add_cgroup_series() = std::move(series);
  Added(bytes);
}

void RecordBatch::Close(v1::ShareEnd&& end) {
  *batch_.mutable_share_end() = std::move(end);
  ++records_;
  Flush();
}

void RecordBatch::Added(size_t bytes) {
  bytes_ += bytes;
  if (++records_ == 1) {
    timer_ = loop_.At(MonotonicNs() + kMaxWaitNs, [this] { Flush(); });
  }
  if (records_ >= kMaxRecords || bytes_ >= kMaxBytes) Flush();
}

void RecordBatch::Flush() {
  loop_.Cancel(timer_);
  if (records_ == 0) return;
  records_ = 0;
  bytes_ = 0;
  batch_.set_run_id(run_id_);
  sink_.Append(std::exchange(batch_, v1::Batch()));
}

}  // namespace assay
