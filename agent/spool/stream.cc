#include "agent/spool/stream.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <system_error>

#include "agent/spool/acked_file.h"
#include "common/clock.h"

namespace assay {
namespace {

uint64_t RecordBytes(const SpoolSegment::Entry& entry) {
  return entry.length == 0 ? 0 : SpoolSegment::kRecordHeaderBytes + entry.length;
}

}  // namespace

SpoolStream::SpoolStream(std::string directory, std::string name, bool own)
    : directory_(std::move(directory)), name_(std::move(name)), own_(own), created_wall_ns_(WallNs()) {}

absl::StatusOr<std::unique_ptr<SpoolStream>> SpoolStream::Create(const std::string& directory,
                                                                 const std::string& name) {
  std::error_code error;
  std::filesystem::create_directory(directory, error);
  if (error) return FileError(error.value(), "create", directory);
  if (absl::Status status = SyncDirectory(std::filesystem::path(directory).parent_path()); !status.ok()) {
    return status;
  }
  return std::unique_ptr<SpoolStream>(new SpoolStream(directory, name, /*own=*/true));
}

absl::StatusOr<std::unique_ptr<SpoolStream>> SpoolStream::Recover(const std::string& directory,
                                                                  const std::string& name) {
  std::unique_ptr<SpoolStream> stream(new SpoolStream(directory, name, /*own=*/false));
  std::vector<std::pair<uint64_t, std::string>> files;
  std::error_code error;
  for (const auto& file : std::filesystem::directory_iterator(directory, error)) {
    const std::string stem = file.path().stem().string();
    uint64_t number = 0;
    const auto parsed = std::from_chars(stem.data(), stem.data() + stem.size(), number);
    if (file.path().extension() != ".seg" || parsed.ec != std::errc() || parsed.ptr != stem.data() + stem.size())
      continue;
    files.emplace_back(number, file.path().string());
  }
  if (error) return FileError(error.value(), "list", directory);
  std::sort(files.begin(), files.end());

  uint64_t last = 0;
  for (size_t i = 0; i < files.size(); ++i) {
    const auto& [number, path] = files[i];
    const auto segment = SpoolSegment::Open(path);
    if (!segment.ok()) return segment.status();
    const auto contents = (*segment)->Scan();
    if (absl::IsDataLoss(contents.status())) {
      // Its agent died while it made the file, or the disk is damaged: kept under a name that is not read again.
      spdlog::warn("spool: {}; it is set aside as {}.damaged", std::string(contents.status().message()), path);
      std::filesystem::rename(path, path + ".damaged", error);
      continue;
    }
    if (!contents.ok()) return contents.status();
    if (contents->header.first_seq <= last) {
      return absl::DataLossError(
          fmt::format("{} repeats batch {}; move this directory away", path, contents->header.first_seq));
    }
    if (const uint64_t bytes = std::filesystem::file_size(path, error); !error && bytes > contents->end_offset) {
      spdlog::warn("spool: {} ends in the middle of a batch; {} bytes are cut off", path, bytes - contents->end_offset);
      if (absl::Status cut = (*segment)->CutAt(contents->end_offset); !cut.ok()) return cut;
    }
    if (stream->segments_.empty()) {
      stream->created_wall_ns_ = contents->header.created_wall_ns;
      stream->window_ = SendWindow(contents->header.first_seq - 1, contents->header.first_seq - 1);
    }
    last = contents->header.first_seq + contents->entries.size() - 1;
    for (const auto& entry : contents->entries) stream->unacked_bytes_ += RecordBytes(entry);
    stream->open_ = contents->open;
    stream->segments_.push_back({number, contents->header.first_seq, path, contents->entries, nullptr});
  }
  const uint64_t acked = std::max(LoadAcked(directory), stream->window_.acked());
  stream->open_at_pending_ = stream->open_;
  const uint64_t from = stream->window_.acked();
  stream->window_ = SendWindow(std::max(last, acked), from);
  stream->Acknowledge(acked);
  return stream;
}

bool SpoolStream::Finished() const {
  return !own_ && unacked_batches() == 0 && pending_.empty() && open_.triggers_by_run().empty();
}

void SpoolStream::Add(const v1::Batch& batch, std::string record) {
  const uint64_t seq = window_.Append();
  const BatchOutline outline = BatchOutline::Of(batch);
  open_.Apply(outline);
  unacked_bytes_ += record.size();
  pending_.push_back({seq, std::make_shared<const std::string>(std::move(record)), outline});
}

SpoolStream::Chunk SpoolStream::NextChunk(uint64_t max_bytes) const {
  Chunk chunk;
  chunk.open = open_at_pending_;
  chunk.segment_number = segments_.empty() ? 1 : segments_.back().number + 1;
  uint64_t bytes = 0;
  for (const Pending& pending : pending_) {
    if (bytes > 0 && bytes + pending.record->size() > max_bytes) break;
    bytes += pending.record->size();
    chunk.batches.push_back(pending);
  }
  return chunk;
}

void SpoolStream::Written(const Chunk& chunk, const Placement& placement) {
  if (placement.new_segment) {
    segments_.push_back(
        {placement.segment_number, chunk.batches.front().seq, placement.segment->path(), {}, placement.segment});
  }
  uint64_t offset = placement.offset;
  for (const Pending& batch : chunk.batches) {
    // One that was sent from memory and acknowledged in the meantime is accounted for already.
    const auto length = static_cast<uint32_t>(batch.record->size() - SpoolSegment::kRecordHeaderBytes);
    segments_.back().entries.push_back(batch.seq > window_.acked() ? SpoolSegment::Entry{offset, length}
                                                                   : SpoolSegment::Entry{});
    offset += batch.record->size();
  }
  while (!pending_.empty() && pending_.front().seq <= chunk.batches.back().seq) {
    open_at_pending_.Apply(pending_.front().outline);
    pending_.pop_front();
  }
  Acknowledge(window_.acked());
}

absl::Status SpoolStream::Resume(uint64_t through_seq) {
  if (!own_ && through_seq > window_.last()) {
    // The host went down before the last batches were on its disk, but they had reached the coordinator.
    spdlog::info("spool: the coordinator has batches up to {} of stream {}, the disk only up to {}", through_seq, name_,
                 window_.last());
    Acknowledge(window_.last());
    window_ = SendWindow(through_seq, through_seq);
  }
  const uint64_t acked = window_.acked();
  if (!window_.Resume(through_seq)) {
    return absl::FailedPreconditionError(
        fmt::format("stream {}: the coordinator wants to go on behind batch {}, but batches {} to {} are what is known "
                    "here, {} of them "
                    "acknowledged before; was the database restored from a backup? {} is kept",
                    name_, through_seq, 1, window_.last(), acked, directory_));
  }
  Acknowledge(through_seq);
  resumed_ = true;
  if (!own_) CloseOpenShares();
  return absl::OkStatus();
}

bool SpoolStream::Acked(uint64_t through_seq) {
  if (through_seq > window_.last()) return false;
  Acknowledge(through_seq);
  return true;
}

void SpoolStream::Acknowledge(uint64_t through_seq) {
  window_.Acked(through_seq);
  while (!pending_.empty() && pending_.front().seq <= window_.acked()) {
    unacked_bytes_ -= pending_.front().record->size();
    open_at_pending_.Apply(pending_.front().outline);
    pending_.pop_front();
  }
  for (Segment& segment : segments_) {
    if (segment.first_seq > window_.acked()) break;
    // Entries are accounted for once: an acknowledged one has length 0 from then on.
    const uint64_t count = std::min<uint64_t>(window_.acked() - segment.first_seq + 1, segment.entries.size());
    for (uint64_t i = count; i > 0 && segment.entries[i - 1].offset != 0; --i) {
      unacked_bytes_ -= RecordBytes(segment.entries[i - 1]);
      segment.entries[i - 1] = {};
    }
  }
  // The last segment stays: it is being written, and it holds what is known of open shares.
  while (segments_.size() > 1 &&
         segments_.front().first_seq + segments_.front().entries.size() <= window_.acked() + 1) {
    garbage_.push_back(segments_.front().path);
    segments_.pop_front();
  }
}

bool SpoolStream::GiveUpAcked() {
  if (segments_.empty() || segments_.back().first_seq + segments_.back().entries.size() > window_.acked() + 1) {
    return false;
  }
  for (const Segment& segment : segments_) garbage_.push_back(segment.path);
  segments_.clear();
  return true;
}

std::vector<std::string> SpoolStream::TakeGarbage() { return std::exchange(garbage_, {}); }

bool SpoolStream::CanSend(bool with_pending) const {
  if (!HasUnsent()) return false;
  return with_pending || pending_.empty() || window_.next() < pending_.front().seq;
}

SpoolStream::Location SpoolStream::TakeNext() {
  Location location = Locate(window_.next());
  window_.Sent();
  return location;
}

SpoolStream::Location SpoolStream::Locate(uint64_t seq) {
  Location location{.seq = seq, .record = nullptr, .segment = nullptr, .entry = {}};
  if (!pending_.empty() && seq >= pending_.front().seq) {
    location.record = pending_[seq - pending_.front().seq].record;
    return location;
  }
  for (size_t i = 0; i < segments_.size(); ++i) {
    Segment& segment = segments_[i];
    const bool here = seq >= segment.first_seq && seq < segment.first_seq + segment.entries.size();
    if (!here) {
      // Readers go forward: what lies behind them is closed, but never the file that is being written.
      if (i + 1 < segments_.size()) segment.file.reset();
      continue;
    }
    location.entry = segment.entries[seq - segment.first_seq];
    if (segment.file == nullptr) {
      auto file = SpoolSegment::Open(segment.path);
      if (!file.ok()) {
        spdlog::error("spool: {}", std::string(file.status().message()));
        break;
      }
      segment.file = *std::move(file);
    }
    location.segment = segment.file;
    break;
  }
  return location;
}

int64_t SpoolStream::NearestRun(uint64_t seq) {
  const auto run_of = [&](uint64_t other) -> int64_t {
    const Location location = Locate(other);
    BatchOutline outline;
    if (location.record != nullptr) {
      BatchOutline::Read(std::string_view(*location.record).substr(SpoolSegment::kRecordHeaderBytes), outline);
    } else if (location.segment != nullptr) {
      const auto bytes = location.segment->Read(location.entry, other);
      if (bytes.ok()) BatchOutline::Read(*bytes, outline);
    }
    return outline.run_id;
  };
  for (uint64_t other = seq + 1; other <= window_.last(); ++other) {
    if (const int64_t run = run_of(other); run != 0) return run;
  }
  for (uint64_t other = seq; other > window_.acked() + 1; --other) {
    if (const int64_t run = run_of(other - 1); run != 0) return run;
  }
  return 0;
}

void SpoolStream::CloseOpenShares() {
  const std::map<int64_t, uint64_t> shares = open_.triggers_by_run();
  for (const auto& [run_id, triggers] : shares) {
    v1::Batch batch;
    batch.set_stream(name_);
    batch.set_seq(window_.last() + 1);
    batch.set_run_id(run_id);
    batch.mutable_share_end()->set_fired(triggers);
    batch.mutable_share_end()->set_crashed(true);
    batch.mutable_share_end()->set_error("the agent's process ended in the middle of this share");
    Add(batch, SpoolSegment::Encode(batch));
    spdlog::warn(
        "run {}: an earlier agent process (stream {}) ended after {} triggers of its share; it is reported as crashed",
        run_id, name_, triggers);
  }
}

absl::Status SpoolStream::SaveAcked() {
  if (saved_acked_ == window_.acked()) return absl::OkStatus();
  if (absl::Status saved = assay::SaveAcked(directory_, window_.acked()); !saved.ok()) return saved;
  saved_acked_ = window_.acked();
  return absl::OkStatus();
}

}  // namespace assay
