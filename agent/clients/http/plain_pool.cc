#include "agent/clients/http/plain_pool.h"

#include <algorithm>
#include <utility>

#include "common/clock.h"

namespace assay {
namespace {

constexpr size_t kBufferBytes = 64 << 10;
constexpr uint32_t kUsesMask = 0x7fffffff;

uint64_t IdOf(uint32_t slot, uint32_t uses) { return (uint64_t{uses & kUsesMask} << 32) | slot; }

}  // namespace

PlainPool::PlainPool(EventLoop& loop, size_t kept, HostNames::Resolve resolve)
    : kept_(std::max<size_t>(1, kept)),
      common_{loop, HostNames(loop, std::move(resolve)), {}, [this](PlainConnection& connection, bool was_idle) {
                Freed(connection, was_idle);
              }} {}

bool PlainPool::Takes(const std::shared_ptr<const HttpRequest>& request) const {
  return (last_ && last_->asked() == request) || PlainRequest::Takes(*request);
}

uint64_t PlainPool::Start(std::shared_ptr<const HttpRequest> request, HttpReceive receive, HttpEnded ended) {
  if (!last_ || last_->asked() != request) {
    absl::StatusOr<std::shared_ptr<const PlainRequest>> made = PlainRequest::Of(std::move(request), last_.get());
    if (!made.ok()) {
      ended(RefusedRequest(made.status()));
      return 0;
    }
    last_ = *std::move(made);
  }
  const int64_t now_ns = MonotonicNs();
  PlainConnection& connection = Take(last_->host().text, now_ns);
  ++in_flight_;
  const uint64_t id = IdOf(connection.slot(), connection.uses() + 1);
  connection.Start(last_, std::move(receive), std::move(ended), now_ns);
  return id;
}

// The newest idle one: the older ones may then grow too old, and where few are needed few are used.
PlainConnection& PlainPool::Take(const std::string& host_text, int64_t now_ns) {
  for (auto at = idle_.end(); at != idle_.begin();) {
    PlainConnection& connection = **--at;
    if (connection.host_text() != host_text) continue;
    at = std::next(at);
    if (connection.Usable(now_ns)) {
      busy_.splice(busy_.end(), idle_, connection.place);
      return connection;
    }
    connection.Close();
    closed_.splice(closed_.end(), idle_, connection.place);
  }
  if (common_.buffer.empty()) common_.buffer.resize(kBufferBytes);
  if (closed_.empty()) {
    connections_.push_back(std::make_unique<PlainConnection>(common_, static_cast<uint32_t>(connections_.size())));
    closed_.push_back(connections_.back().get());
    closed_.back()->place = std::prev(closed_.end());
  }
  PlainConnection& connection = *closed_.back();
  busy_.splice(busy_.end(), closed_, connection.place);
  return connection;
}

void PlainPool::Freed(PlainConnection& connection, bool was_idle) {
  std::list<PlainConnection*>& from = was_idle ? idle_ : busy_;
  if (!was_idle) --in_flight_;
  std::list<PlainConnection*>& to = connection.idle() ? idle_ : closed_;
  to.splice(to.end(), from, connection.place);
  if (idle_.size() <= kept_) return;
  PlainConnection& oldest = *idle_.front();
  oldest.Close();
  closed_.splice(closed_.end(), idle_, oldest.place);
}

void PlainPool::Cancel(uint64_t id) {
  const auto slot = static_cast<uint32_t>(id);
  if (slot >= connections_.size()) return;
  PlainConnection& connection = *connections_[slot];
  if (connection.busy() && IdOf(slot, connection.uses()) == id) connection.Cancel();
}

void PlainPool::CancelAll() {
  // HttpClient lets those that are told start nothing meanwhile.
  for (const std::unique_ptr<PlainConnection>& connection : connections_) {
    if (connection->busy()) connection->Cancel();
  }
}

}  // namespace assay
