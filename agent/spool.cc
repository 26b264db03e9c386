#include "agent/spool.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "agent/spool_directory.h"
#include "common/clock.h"
#include "common/units.h"

namespace assay {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr uint64_t kMaxSegmentBytes = 16 << 20;
constexpr uint64_t kMinSegmentBytes = 64 << 10;
constexpr uint64_t kChunkBytes = 1 << 20;
// Far below the 8 MiB that gRPC takes: small messages keep latency and the memory of both ends small.
constexpr size_t kMaxBatchBytes = 256 << 10;
// Batches not yet serialized: the disk stalls inside a write.
constexpr size_t kQueueMark = 256;

// Halves a batch until each part is small enough. The share's start stays in front, its end at the back.
void Split(v1::Batch&& batch, std::vector<v1::Batch>& parts) {
  const int records = batch.triggers_size() + batch.cgroup_samples_size() + batch.host_samples_size();
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
  move_half(batch.mutable_host_samples(), head.mutable_host_samples());
  Split(std::move(head), parts);
  Split(std::move(batch), parts);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Spool>> Spool::Open(Options options) {
  const auto lock_fd = LockSpoolDirectory(options.directory);
  if (!lock_fd.ok()) return lock_fd.status();
  return std::unique_ptr<Spool>(new Spool(std::move(options), *lock_fd));
}

Spool::Spool(Options options, int lock_fd)
    : options_(std::move(options)), lock_fd_(lock_fd), writer_([this] { Write(); }) {}

Spool::~Spool() {
  {
    std::lock_guard queue_lock(queue_mutex_);
    stop_ = true;
  }
  queue_filled_.notify_one();
  writer_.join();
  if (!disk_status_.ok() && own_ != nullptr && own_->HasPending()) {
    spdlog::error("spool: {}; the last {} batches could be neither written nor delivered",
                  std::string(disk_status_.message()), own_->unacked_batches());
  }
  if (own_ != nullptr && own_->unacked_batches() == 0) RemoveStreamDirectory(own_->directory());
  close(lock_fd_);
}

absl::Status Spool::UseCluster(const std::string& cluster_id) {
  if (!cluster_id_.empty()) {
    if (cluster_id_ == cluster_id) return absl::OkStatus();
    return absl::FailedPreconditionError(
        fmt::format("this spool is for the Assay database {}, not {}", cluster_id_, cluster_id));
  }
  auto found = FindStreams(options_.directory, cluster_id, options_.incarnation);
  if (!found.ok()) return found.status();
  auto own = SpoolStream::Create(fmt::format("{}/{}/{}", options_.directory, cluster_id, options_.incarnation),
                                 options_.incarnation);
  if (!own.ok()) return own.status();
  ReportForeignStreams(options_.directory, cluster_id);
  {
    std::lock_guard lock(mutex_);
    streams_ = *std::move(found);
    own_ = own->get();
    streams_.push_back(*std::move(own));
    UpdateMarks();
  }
  {
    std::lock_guard queue_lock(queue_mutex_);
    cluster_id_ = cluster_id;
    ready_ = true;
  }
  queue_filled_.notify_one();
  return absl::OkStatus();
}

void Spool::Append(v1::Batch&& batch) {
  {
    std::lock_guard queue_lock(queue_mutex_);
    queue_.push_back(std::move(batch));
    if (queue_.size() >= kQueueMark) queue_full_ = true;
  }
  queue_filled_.notify_one();
}

absl::Status Spool::Flush() {
  std::unique_lock queue_lock(queue_mutex_);
  if (!ready_)
    return absl::FailedPreconditionError("the spool cannot be written before a coordinator has named its database");
  const uint64_t ticket = ++flush_requested_;
  queue_filled_.notify_one();
  flushed_.wait(queue_lock, [&] { return flush_done_ >= ticket; });
  return flush_status_;
}

v1::SpoolStatus Spool::Status() const {
  std::lock_guard lock(mutex_);
  v1::SpoolStatus status;
  status.set_bytes(UnackedBytes());
  status.set_limit_bytes(options_.limit_bytes);
  status.set_error(std::string(disk_status_.message()));
  return status;
}

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
        next_sync_ns = now_ns + kSecondNs;
      }
      if (!status.ok()) next_try_ns = now_ns + kSecondNs;
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
  Split(std::move(batch), parts);
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
    SpoolWriter* writer = nullptr;
    {
      std::lock_guard lock(mutex_);
      const auto stream = std::find_if(streams_.begin(), streams_.end(), [](const auto& s) { return s->HasPending(); });
      if (stream == streams_.end()) return absl::OkStatus();
      name = (*stream)->name();
      chunk = (*stream)->NextChunk(kChunkBytes);
      writer = &WriterOf(**stream);
    }
    const auto placement = writer->Write(chunk);
    if (!placement.ok()) return placement.status();
    std::vector<std::string> garbage;
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

SpoolWriter& Spool::WriterOf(const SpoolStream& stream) {
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
    if (const absl::Status status = stream->SaveAcked(); !status.ok())
      spdlog::debug("spool: {}", std::string(status.message()));
  }
  std::erase_if(writers_, [&](const auto& writer) { return Find(writer.first) == nullptr; });
}

void Spool::PokeWriter() {
  {
    std::lock_guard queue_lock(queue_mutex_);
    poked_ = true;
  }
  queue_filled_.notify_one();
}

std::vector<std::string> Spool::Offer() {
  std::lock_guard lock(mutex_);
  woken_ = false;
  std::vector<std::string> names;
  for (const auto& stream : streams_) {
    stream->Suspend();
    names.push_back(stream->name());
  }
  return names;
}

absl::Status Spool::Resume(const std::string& stream, uint64_t through_seq) {
  std::vector<std::string> garbage;
  {
    std::lock_guard lock(mutex_);
    SpoolStream* found = Find(stream);
    if (found == nullptr) return absl::OkStatus();  // delivered to its end meanwhile
    if (const absl::Status status = found->Resume(through_seq); !status.ok()) return status;
    RemoveFinished(garbage);
    UpdateMarks();
  }
  for (const std::string& path : garbage) RemoveFile(path);
  PokeWriter();
  sendable_.notify_all();
  return absl::OkStatus();
}

std::optional<Spool::Outgoing> Spool::Next(std::chrono::milliseconds wait) {
  std::unique_lock lock(mutex_);
  SpoolStream* from = nullptr;
  sendable_.wait_for(lock, wait, [&] {
    // An earlier stream goes first to its end, also when its last batches are just being written.
    const auto oldest = std::find_if(streams_.begin(), streams_.end(), [](const auto& s) { return s->HasUnsent(); });
    const bool ready = oldest != streams_.end() && (*oldest)->CanSend(/*with_pending=*/!disk_status_.ok());
    from = ready ? oldest->get() : nullptr;
    return woken_ || from != nullptr;
  });
  if (woken_ || from == nullptr) return std::nullopt;
  const SpoolStream::Location location = from->TakeNext();
  Outgoing outgoing{.stream = from->name(), .seq = location.seq, .bytes = {}};
  if (location.record != nullptr) {
    outgoing.bytes = location.record->substr(SpoolSegment::kRecordHeaderBytes);
    return outgoing;
  }
  lock.unlock();
  absl::StatusOr<std::string> bytes = absl::DataLossError(fmt::format("batch {} is in no file", location.seq));
  if (location.segment != nullptr) bytes = location.segment->Read(location.entry, location.seq);
  if (bytes.ok()) {
    outgoing.bytes = *std::move(bytes);
    return outgoing;
  }
  // The stream must go on without a gap in its numbers. The missing rows show: ShareEnd says how many were fired.
  lock.lock();
  SpoolStream* stream = Find(outgoing.stream);
  if (stream == nullptr) return std::nullopt;
  v1::Batch empty;
  empty.set_stream(outgoing.stream);
  empty.set_seq(outgoing.seq);
  empty.set_run_id(stream->NearestRun(outgoing.seq));
  spdlog::error("spool: {} (stream {}, about run {}): its records are lost; an empty batch takes its place",
                std::string(bytes.status().message()), outgoing.stream, empty.run_id());
  outgoing.bytes = empty.SerializeAsString();
  return outgoing;
}

void Spool::Wake() {
  {
    std::lock_guard lock(mutex_);
    woken_ = true;
  }
  sendable_.notify_all();
}

void Spool::Acked(const std::string& stream, uint64_t through_seq) {
  std::vector<std::string> garbage;
  {
    std::lock_guard lock(mutex_);
    SpoolStream* found = Find(stream);
    if (found == nullptr) return;
    if (!found->Acked(through_seq)) {
      spdlog::error("spool: the coordinator acknowledges batch {} of stream {}, which has only {}", through_seq, stream,
                    found->last_seq());
      return;
    }
    garbage = found->TakeGarbage();
    RemoveFinished(garbage);
    UpdateMarks();
  }
  for (const std::string& path : garbage) RemoveFile(path);
}

Spool::Undelivered Spool::undelivered() const {
  size_t queued = 0;
  {
    std::lock_guard queue_lock(queue_mutex_);
    queued = queue_.size();
  }
  std::lock_guard lock(mutex_);
  Undelivered sum{queued, UnackedBytes()};
  for (const auto& stream : streams_) sum.batches += stream->unacked_batches();
  return sum;
}

SpoolStream* Spool::Find(const std::string& stream) {
  const auto found = std::find_if(streams_.begin(), streams_.end(), [&](const auto& s) { return s->name() == stream; });
  return found == streams_.end() ? nullptr : found->get();
}

uint64_t Spool::UnackedBytes() const {
  uint64_t bytes = 0;
  for (const auto& stream : streams_) bytes += stream->unacked_bytes();
  return bytes;
}

void Spool::UpdateMarks() {
  const uint64_t bytes = UnackedBytes();
  if (!disk_status_.ok() || bytes >= options_.limit_bytes / 10 * 8) {
    if (!full_ && disk_status_.ok()) {
      spdlog::warn("spool: {} wait for the coordinator (limit {}); no triggers are started until it has taken some",
                   FormatBytes(bytes), FormatBytes(options_.limit_bytes));
    }
    full_ = true;
  } else if (bytes < options_.limit_bytes / 2) {
    full_ = false;
  }
}

void Spool::RemoveFinished(std::vector<std::string>& garbage) {
  std::erase_if(streams_, [&](const auto& stream) {
    for (std::string& path : stream->TakeGarbage()) garbage.push_back(std::move(path));
    if (!stream->Finished()) return false;
    spdlog::info("spool: all of the earlier stream {} is delivered", stream->name());
    RemoveStreamDirectory(stream->directory());
    return true;
  });
}

}  // namespace assay
