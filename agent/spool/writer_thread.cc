// The writer's thread of the spool: serializes, writes, syncs.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "agent/spool/directory.h"
#include "agent/spool/spool.h"
#include "common/clock.h"
#include "common/nanoseconds.h"

namespace assay {
namespace {
constexpr uint64_t kMaxSegmentBytes = 16 << 20;
constexpr uint64_t kMinSegmentBytes = 64 << 10;
constexpr uint64_t kChunkBytes = 1 << 20;

}  // namespace

void Spool::Write() {
  int64_t next_try_ns = 0;
  int64_t next_sync_ns = 0;
  std::vector<v1::Batch> taken;
  for (bool stopping = false; !stopping;) {
    uint64_t flush = 0;
    bool asked = false;
    {
      std::unique_lock queue_lock(queue_mutex_);
      queue_filled_.wait_for(queue_lock, std::chrono::seconds(1), [&] {
        return stop_ || (ready_ && (!queue_.empty() || poked_ || flush_requested_ > flush_done_));
      });
      stopping = stop_;
      if (!ready_) continue;
      taken.swap(queue_);
      queue_full_ = false;
      poked_ = false;
      flush = flush_requested_;
      asked = flush > flush_done_;
    }
    for (v1::Batch& batch : taken) Serialize(std::move(batch));
    taken.clear();

    absl::Status status;
    {
      std::lock_guard lock(mutex_);
      status = disk_status_;
      UpdateMarks();
    }
    const int64_t now_ns = MonotonicNs();
    if (status.ok() || asked || stopping || now_ns >= next_try_ns) {
      status = WriteStreams();
      if (status.ok() && (asked || stopping || now_ns >= next_sync_ns)) {
        status = SyncStreams();
        SaveAcked();
        next_sync_ns = now_ns + kSecond;
      }
      if (!status.ok()) next_try_ns = now_ns + kSecond;
      std::lock_guard lock(mutex_);
      if (!status.ok() && disk_status_.ok())
        spdlog::error("spool: {}; batches are held in memory", std::string(status.message()));
      if (status.ok() && !disk_status_.ok()) spdlog::info("spool: {} can be written again", options_.directory);
      disk_status_ = status;
      UpdateMarks();
    }
    sendable_.notify_all();
    if (asked) {
      std::lock_guard queue_lock(queue_mutex_);
      flush_done_ = flush;
      flush_status_ = status;
      flushed_.notify_all();
    }
  }
}

void Spool::Serialize(v1::Batch&& batch) {
  std::vector<v1::Batch> parts;
  SplitBatch(std::move(batch), parts);
  for (v1::Batch& part : parts) {
    // Only this thread appends to the own stream, so the number stays free while it is serialized.
    uint64_t seq = 0;
    {
      std::lock_guard lock(mutex_);
      seq = own_->last_seq() + 1;
    }
    part.set_stream(options_.incarnation);
    part.set_seq(seq);
    std::string record = SpoolSegment::Encode(part);
    std::lock_guard lock(mutex_);
    own_->Add(part, std::move(record));
  }
}

absl::Status Spool::WriteStreams() {
  while (true) {
    std::string name;
    SpoolStream::Chunk chunk;
    SegmentWriter* writer = nullptr;
    {
      std::lock_guard lock(mutex_);
      const auto stream = std::find_if(streams_.begin(), streams_.end(), [](const auto& s) { return s->HasPending(); });
      if (stream == streams_.end()) return absl::OkStatus();
      name = (*stream)->name();
      chunk = (*stream)->NextChunk(kChunkBytes);
      writer = &WriterOf(**stream);
    }
    const auto placement = writer->Write(chunk);
    std::vector<std::string> garbage;
    if (!placement.ok()) {
      if (!absl::IsResourceExhausted(placement.status()) || !GiveUpAcked(name, *writer)) return placement.status();
      continue;
    }
    {
      std::lock_guard lock(mutex_);
      // Acknowledged from memory and removed in the meantime: then there is nobody to tell.
      if (SpoolStream* stream = Find(name)) stream->Written(chunk, *placement);
      RemoveFinished(garbage);
    }
    for (const std::string& path : garbage) RemoveFile(path);
    sendable_.notify_all();
  }
}

// A spool that has a small disk to itself would else wait for ever for the room that its own file takes.
bool Spool::GiveUpAcked(const std::string& name, SegmentWriter& writer) {
  std::vector<std::string> garbage;
  {
    std::lock_guard lock(mutex_);
    SpoolStream* const stream = Find(name);
    if (stream == nullptr || !stream->GiveUpAcked()) return false;
    writer.GiveUp();
    garbage = stream->TakeGarbage();
  }
  for (const std::string& path : garbage) RemoveFile(path);
  return true;
}

SegmentWriter& Spool::WriterOf(const SpoolStream& stream) {
  const uint64_t segment_bytes = std::clamp(options_.limit_bytes / 8, kMinSegmentBytes, kMaxSegmentBytes);
  return writers_.try_emplace(stream.name(), stream.directory(), segment_bytes).first->second;
}

absl::Status Spool::SyncStreams() {
  absl::Status status;
  for (auto& [name, writer] : writers_) status.Update(writer.Sync());
  return status;
}

void Spool::SaveAcked() {
  std::lock_guard lock(mutex_);
  for (const auto& stream : streams_) {
    // It may lag: after a crash the coordinator says where to go on.
    if (absl::Status status = stream->SaveAcked(); !status.ok())
      spdlog::debug("spool: {}", std::string(status.message()));
  }
  std::erase_if(writers_, [&](const auto& writer) { return Find(writer.first) == nullptr; });
}

}  // namespace assay
