#include "agent/spool/spool.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "agent/spool/directory.h"
#include "common/units.h"

namespace assay {
namespace {

// Batches not yet serialized: the disk stalls inside a write.
constexpr size_t kQueueMark = 256;

}  // namespace

absl::StatusOr<std::unique_ptr<Spool>> Spool::Open(Options options) {
  auto lock = LockSpoolDirectory(options.directory);
  if (!lock.ok()) return lock.status();
  return std::unique_ptr<Spool>(new Spool(std::move(options), *std::move(lock)));
}

Spool::Spool(Options options, Descriptor lock)
    : options_(std::move(options)), lock_(std::move(lock)), writer_([this] { Write(); }) {}

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
    if (absl::Status status = found->Resume(through_seq); !status.ok()) return status;
    RemoveFinished(garbage);
    UpdateMarks();
  }
  for (const std::string& path : garbage) RemoveFile(path);
  PokeWriter();
  sendable_.notify_all();
  return absl::OkStatus();
}

std::string Spool::Refused(const std::string& stream) {
  std::lock_guard lock(mutex_);
  SpoolStream* found = Find(stream);
  if (found == nullptr) return "";
  found->Suspend();
  return found->directory();
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
