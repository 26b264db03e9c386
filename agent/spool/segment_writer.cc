#include "agent/spool/segment_writer.h"

#include <fmt/format.h>
#include <unistd.h>

#include <string_view>
#include <vector>

#include "common/clock.h"

namespace assay {
namespace {

std::string SegmentPath(const std::string& directory, uint64_t number) {
  return fmt::format("{}/{:08}.seg", directory, number);
}

}  // namespace

absl::StatusOr<SpoolStream::Placement> SegmentWriter::Write(const SpoolStream::Chunk& chunk) {
  const bool roll = segment_ == nullptr || offset_ >= segment_bytes_ || chunk.batches.front().seq != next_seq_;
  if (roll) {
    if (absl::Status synced = Sync(); !synced.ok()) return synced;
    const SpoolSegment::Header header{chunk.batches.front().seq, WallNs(), chunk.open};
    auto created = SpoolSegment::Create(SegmentPath(directory_, chunk.segment_number), header);
    if (!created.ok()) return created.status();
    segment_ = *std::move(created);
    segment_number_ = chunk.segment_number;
    offset_ = segment_->header_bytes();
    next_seq_ = chunk.batches.front().seq;
    dirty_ = true;
  }
  std::vector<std::string_view> records;
  records.reserve(chunk.batches.size());
  uint64_t bytes = 0;
  for (const auto& batch : chunk.batches) {
    records.emplace_back(*batch.record);
    bytes += batch.record->size();
  }
  if (absl::Status status = segment_->Write(offset_, records); !status.ok()) {
    // A segment without records is made anew at the next try: the stream does not know it yet.
    if (roll) {
      unlink(segment_->path().c_str());
      segment_ = nullptr;
      dirty_ = false;
    }
    return status;
  }
  const SpoolStream::Placement placement{segment_, segment_number_, offset_, roll};
  offset_ += bytes;
  next_seq_ = chunk.batches.back().seq + 1;
  dirty_ = true;
  return placement;
}

absl::Status SegmentWriter::Sync() {
  if (!dirty_ || segment_ == nullptr) return absl::OkStatus();
  if (absl::Status status = segment_->Sync(); !status.ok()) return status;
  dirty_ = false;
  return absl::OkStatus();
}

void SegmentWriter::GiveUp() {
  segment_ = nullptr;
  dirty_ = false;
}

}  // namespace assay
