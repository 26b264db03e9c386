#include "coordinator/ingest.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "common/clock.h"
#include "common/protocol.h"

namespace assay {
namespace {

// Of batches: 60 kB of plain triggers each, and 1 MiB at the most where outputs fill them. One more per agent is held.
constexpr size_t kMaxQueued = 256;
constexpr size_t kGroupRows = 5000;
constexpr int64_t kGroupNs = 20'000'000;
constexpr auto kItemWait = std::chrono::milliseconds(200);
constexpr auto kMinRetry = std::chrono::milliseconds(200);
constexpr auto kMaxRetry = std::chrono::milliseconds(3000);

size_t Rows(const v1::Batch& batch) {
  return static_cast<size_t>(batch.triggers_size()) + static_cast<size_t>(batch.cgroup_samples_size()) +
         static_cast<size_t>(batch.host_samples_size() + batch.tasks_size() + batch.metric_samples_size());
}

}  // namespace

Ingest::Ingest(std::string database_url, std::string cluster_id, int64_t term, News news)
    : cluster_id_(std::move(cluster_id)),
      connection_(std::move(database_url), "assay-coordinator ingest"),
      writer_(connection_),
      news_(std::move(news)),
      queue_(kMaxQueued) {
  connection_.FenceWith(term);
  thread_ = std::thread([this] { Run(); });
}

Ingest::~Ingest() { Stop(); }

void Ingest::Stop() {
  if (stopping_.exchange(true)) return;
  queue_.Close();
  thread_.join();
  std::vector<Item> held;
  {
    const std::lock_guard lock(mutex_);
    held.swap(held_);
  }
  // A paused stream must read to its end to be closed.
  for (const Item& item : held) item.source->resume();
}

bool Ingest::Take(const std::shared_ptr<Source>& source, v1::ResultsMessage&& message) {
  Item item{source, std::move(message)};
  if (queue_.TryPush(std::move(item))) return true;
  const std::lock_guard lock(mutex_);
  if (stopping_) return true;
  held_.push_back(std::move(item));  // NOLINT(bugprone-use-after-move): a push that is refused leaves its item alone
  return false;
}

void Ingest::Readmit() {
  std::vector<std::shared_ptr<Source>> resumed;
  {
    const std::lock_guard lock(mutex_);
    size_t taken = 0;
    for (; taken < held_.size(); ++taken) {
      std::shared_ptr<Source> source = held_[taken].source;
      if (!queue_.TryPush(std::move(held_[taken]))) break;
      resumed.push_back(std::move(source));
    }
    held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(taken));
  }
  for (const std::shared_ptr<Source>& source : resumed) source->resume();
}

void Ingest::Run() {
  while (!stopping_) {
    std::optional<Item> item = queue_.Pop(kItemWait);
    if (!item) {
      Readmit();
      continue;
    }
    std::vector<v1::Batch> batches;
    std::vector<std::shared_ptr<Source>> sources;
    size_t rows = 0;
    const int64_t deadline_ns = MonotonicNs() + kGroupNs;
    while (item) {
      if (item->message.has_hello()) {
        Open(*item);
      } else if (item->message.has_batch() && !item->source->refused.contains(item->message.batch().stream())) {
        rows += Rows(item->message.batch());
        // The end of a share is news that a whole run waits for, and so is what a collector found.
        const bool urgent = item->message.batch().has_share_end() || item->message.batch().collections_size() > 0;
        batches.push_back(std::move(*item->message.mutable_batch()));
        sources.push_back(std::move(item->source));
        if (rows >= kGroupRows || urgent) break;
      }
      item = queue_.Pop(std::chrono::nanoseconds(std::max<int64_t>(0, deadline_ns - MonotonicNs())));
    }
    if (!batches.empty()) StoreGroup(batches, sources);
    Readmit();
  }
}

// The other streams of the source go on. What is refused stays in the agent's spool, and the agent says so.
void Ingest::Refuse(Source& source, const std::string& stream, const std::string& why) {
  spdlog::error("results of agent {}{} refused: {}", source.agent,
                stream.empty() ? "" : fmt::format(", stream {}", stream), why);
  source.refused.insert(stream);
  v1::Ack ack;
  ack.set_stream(stream);
  ack.set_refusal(why);
  source.send(std::move(ack));
}

void Ingest::Open(const Item& item) {
  const v1::ResultsHello& hello = item.message.hello();
  Source& source = *item.source;
  source.agent = hello.agent();
  source.refused.clear();
  if (hello.protocol_version() != kProtocolVersion) {
    return Refuse(source, "",
                  fmt::format("protocol version {} instead of {}", hello.protocol_version(), kProtocolVersion));
  }
  if (hello.cluster_id() != cluster_id_)
    return Refuse(source, "", fmt::format("its results belong to another Assay database ({})", hello.cluster_id()));
  const absl::StatusOr<int64_t> agent_id = writer_.AgentId(hello.agent());
  // Not known, or not to be asked now: the agent comes back.
  if (!agent_id.ok()) return source.drop();
  for (const std::string& stream : hello.streams()) {
    const absl::StatusOr<uint64_t> watermark = writer_.OpenStream(stream, *agent_id);
    if (absl::IsAlreadyExists(watermark.status()) || absl::IsInvalidArgument(watermark.status())) {
      Refuse(source, stream, std::string(watermark.status().message()));
      continue;
    }
    if (!watermark.ok()) {
      spdlog::error("results of agent {} cannot be taken: {}", hello.agent(),
                    std::string(watermark.status().message()));
      return source.drop();
    }
    v1::Ack ack;
    ack.set_stream(stream);
    ack.set_through_seq(*watermark);
    source.send(std::move(ack));
  }
}

// Waits out what passes.
absl::StatusOr<ResultWriter::Written> Ingest::Write(const std::vector<v1::Batch>& batches) {
  absl::StatusOr<ResultWriter::Written> written = writer_.Write(batches);
  bool said = false;
  auto wait = kMinRetry;
  while (MayPass(written.status()) && !stopping_) {
    if (!std::exchange(said, true)) {
      spdlog::error("results cannot be stored, trying on: {}", std::string(written.status().message()));
      news_.trouble(written.status());
    }
    std::this_thread::sleep_for(wait);
    wait = std::min(wait * 2, kMaxRetry);
    written = writer_.Write(batches);
  }
  if (said && written.ok()) spdlog::info("results are stored again");
  if (said) news_.trouble(absl::OkStatus());
  return written;
}

void Ingest::StoreGroup(std::vector<v1::Batch>& batches, std::vector<std::shared_ptr<Source>>& sources) {
  const absl::StatusOr<ResultWriter::Written> written = Write(batches);
  if (written.ok()) return Tell(*written, batches, sources);
  // Not stored, not acknowledged: the agents keep what they have.
  if (MayPass(written.status())) return;
  if (absl::IsFailedPrecondition(written.status())) return news_.fatal(written.status());
  if (batches.size() == 1) {
    const std::string why(written.status().message());
    Refuse(*sources[0], batches[0].stream(), fmt::format("batch {} cannot be stored: {}", batches[0].seq(), why));
    return;
  }
  // One agent's batch must not keep the others' from being stored.
  for (size_t i = 0; i < batches.size() && !stopping_; ++i) {
    if (sources[i]->refused.contains(batches[i].stream())) continue;
    std::vector<v1::Batch> batch;
    batch.push_back(std::move(batches[i]));
    std::vector<std::shared_ptr<Source>> source{sources[i]};
    StoreGroup(batch, source);
  }
}

void Ingest::Tell(const ResultWriter::Written& written, const std::vector<v1::Batch>& batches,
                  const std::vector<std::shared_ptr<Source>>& sources) const {
  if (written.discarded_rows > 0) spdlog::warn("{} rows of a removed sweep were discarded", written.discarded_rows);
  for (const ResultWriter::Written::EndedShare& share : written.ended_shares)
    news_.share_ended(share.run_id, share.agent_id, share.end);
  for (const int64_t hook_id : written.collected_hooks) news_.collected(hook_id);
  for (const int64_t run_id : written.late_runs) news_.late_rows(run_id);
  for (const ResultWriter::Written::Stream& stream : written.streams) {
    for (size_t i = batches.size(); i-- > 0;) {
      if (batches[i].stream() != stream.stream) continue;
      if (stream.gap) {
        sources[i]->drop();
      } else {
        v1::Ack ack;
        ack.set_stream(stream.stream);
        ack.set_through_seq(stream.through_seq);
        sources[i]->send(std::move(ack));
      }
      break;
    }
  }
}

}  // namespace assay
