#include "agent/spool/batch_outline.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <utility>

namespace assay {
namespace {

using google::protobuf::internal::WireFormatLite;

// Far below the 8 MiB that gRPC takes: small messages keep latency and the memory of both ends small.
constexpr size_t kMaxBatchBytes = 256 << 10;

}  // namespace

BatchOutline BatchOutline::Of(const v1::Batch& batch) {
  return {.run_id = batch.run_id(),
          .triggers = static_cast<uint64_t>(batch.triggers_size()),
          .starts_share = batch.has_share_start(),
          .ends_share = batch.has_share_end()};
}

bool BatchOutline::Read(std::string_view serialized, BatchOutline& outline) {
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const uint8_t*>(serialized.data()),
                                            static_cast<int>(serialized.size()));
  outline = {};
  while (const uint32_t tag = in.ReadTag()) {
    const int field = WireFormatLite::GetTagFieldNumber(tag);
    if (field == v1::Batch::kRunIdFieldNumber &&
        WireFormatLite::GetTagWireType(tag) == WireFormatLite::WIRETYPE_VARINT) {
      uint64_t value = 0;
      if (!in.ReadVarint64(&value)) return false;
      outline.run_id = static_cast<int64_t>(value);
      continue;
    }
    if (field == v1::Batch::kTriggersFieldNumber) ++outline.triggers;
    if (field == v1::Batch::kShareStartFieldNumber) outline.starts_share = true;
    if (field == v1::Batch::kShareEndFieldNumber) outline.ends_share = true;
    if (!WireFormatLite::SkipField(&in, tag)) return false;
  }
  return in.ConsumedEntireMessage();
}

void OpenShares::Apply(const BatchOutline& outline) {
  if (outline.starts_share) triggers_by_run_.emplace(outline.run_id, 0);
  const auto share = triggers_by_run_.find(outline.run_id);
  if (share == triggers_by_run_.end()) return;
  share->second += outline.triggers;
  if (outline.ends_share) triggers_by_run_.erase(share);
}

void SplitBatch(v1::Batch&& batch, std::vector<v1::Batch>& parts) {
  const int records = batch.triggers_size() + batch.tasks_size() + batch.cgroup_samples_size() +
                      batch.host_samples_size() + batch.cgroup_series_size() + batch.metric_samples_size();
  if (records < 2 || batch.ByteSizeLong() <= kMaxBatchBytes) {
    parts.push_back(std::move(batch));
    return;
  }
  v1::Batch head;
  head.set_run_id(batch.run_id());
  if (batch.has_share_start()) {
    *head.mutable_share_start() = batch.share_start();
    batch.clear_share_start();
  }
  const auto move_half = [](auto* from, auto* to) {
    const int half = (from->size() + 1) / 2;
    for (int i = 0; i < half; ++i) to->Add(std::move(*from->Mutable(i)));
    from->DeleteSubrange(0, half);
  };
  move_half(batch.mutable_triggers(), head.mutable_triggers());
  move_half(batch.mutable_cgroup_samples(), head.mutable_cgroup_samples());
  move_half(batch.mutable_tasks(), head.mutable_tasks());
  move_half(batch.mutable_host_samples(), head.mutable_host_samples());
  move_half(batch.mutable_cgroup_series(), head.mutable_cgroup_series());
  move_half(batch.mutable_metric_samples(), head.mutable_metric_samples());
  SplitBatch(std::move(head), parts);
  SplitBatch(std::move(batch), parts);
}

}  // namespace assay
