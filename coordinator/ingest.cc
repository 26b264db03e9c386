#include "coordinator/ingest.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "common/clock.h"
#include "common/protocol.h"
#include "storage/table.h"

namespace assay {
namespace {

// Batches are at most about 100 kB: some 25 MB are under way at the most, whatever the number of agents.
constexpr size_t kMaxQueued = 256;
constexpr size_t kGroupRows = 5000;
constexpr int64_t kGroupNs = 20'000'000;
constexpr auto kIdle = std::chrono::milliseconds(200);
constexpr auto kMinRetry = std::chrono::milliseconds(200);
constexpr auto kMaxRetry = std::chrono::milliseconds(3000);

size_t Rows(const v1::Batch& batch) {
  return static_cast<size_t>(batch.triggers_size()) + static_cast<size_t>(batch.cgroup_samples_size()) +
         static_cast<size_t>(batch.host_samples_size());
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
  // A paused stream must read to its end to be closed.
  for (const Item& item : held_) item.source->resume();
  held_.clear();
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
    std::optional<Item> item = queue_.Pop(kIdle);
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
      } else if (item->message.has_batch()) {
        rows += Rows(item->message.batch());
        // The end of a share is news that a whole run waits for.
        const bool urgent = item->message.batch().has_share_end();
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

void Ingest::Open(const Item& item) {
  const v1::ResultsHello& hello = item.message.hello();
  const auto refuse = [&](std::string why) {
    spdlog::warn("results of agent {} refused: {}", hello.agent(), why);
    v1::Ack ack;
    ack.set_refusal(std::move(why));
    item.source->send(std::move(ack));
  };
  item.source->agent = hello.agent();
  if (hello.protocol_version() != kProtocolVersion)
    return refuse(fmt::format("protocol version {} instead of {}", hello.protocol_version(), kProtocolVersion));
  if (hello.cluster_id() != cluster_id_)
    return refuse(fmt::format("its results belong to another Assay database ({})", hello.cluster_id()));
  const absl::StatusOr<Table> found =
      Query(connection_, "SELECT agent_id FROM assay.agent WHERE name = $1", {hello.agent()});
  // Not known, or not to be asked now: the agent comes back.
  if (!found.ok() || found->rows.empty()) return item.source->drop();
  for (const std::string& stream : hello.streams()) {
    const absl::StatusOr<uint64_t> watermark = writer_.OpenStream(stream, std::stoll(*found->rows[0][0]));
    if (!watermark.ok()) {
      spdlog::error("results of agent {} cannot be taken: {}", hello.agent(),
                    std::string(watermark.status().message()));
      return item.source->drop();
    }
    v1::Ack ack;
    ack.set_stream(stream);
    ack.set_through_seq(*watermark);
    item.source->send(std::move(ack));
  }
}

void Ingest::StoreGroup(std::vector<v1::Batch>& batches, std::vector<std::shared_ptr<Source>>& sources) {
  absl::StatusOr<ResultWriter::Written> written = writer_.Write(batches);
  bool said = false;
  auto wait = kMinRetry;
  while (!written.ok() && !stopping_) {
    if (written.status().code() == absl::StatusCode::kFailedPrecondition) return news_.fatal(written.status());
    if (!std::exchange(said, true))
      spdlog::error("results cannot be stored, trying on: {}", std::string(written.status().message()));
    std::this_thread::sleep_for(wait);
    wait = std::min(wait * 2, kMaxRetry);
    written = writer_.Write(batches);
  }
  // Not stored, not acknowledged: the agents keep what they have.
  if (!written.ok()) return;
  if (said) spdlog::info("results are stored again");
  if (written->discarded_rows > 0) spdlog::warn("{} rows of a removed sweep were discarded", written->discarded_rows);
  for (const ResultWriter::Written::EndedShare& share : written->ended_shares)
    news_.share_ended(share.run_id, share.agent_id, share.end);
  for (const int64_t run_id : written->late_runs) news_.late_rows(run_id);
  for (const ResultWriter::Written::Stream& stream : written->streams) {
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
