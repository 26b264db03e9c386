#include "agent/clients/http/curl_transfers.h"

#include <algorithm>
#include <utility>

namespace assay {
namespace {

// libcurl looks for a connection to use again by going through all that it has: thousands in one pool would cost more
// than the requests on them.
constexpr size_t kTransfersPerPool = 128;

// Made once; libcurl wants it before any thread uses it.
bool InitCurl() {
  static const bool done = curl_global_init(CURL_GLOBAL_ALL) == CURLE_OK;
  return done;
}

}  // namespace

CurlTransfers::CurlTransfers(EventLoop& loop, size_t connections)
    : loop_(loop),
      pools_(loop, std::clamp<size_t>(connections, 1, kTransfersPerPool),
             [this](CURL* easy, CURLcode result) { Ended(easy, result); }) {
  InitCurl();
}

uint64_t CurlTransfers::Start(std::shared_ptr<const HttpRequest> request, HttpReceive receive, HttpEnded ended) {
  if (const absl::Status checked = CheckHttpRequest(*request); !checked.ok()) {
    ended(RefusedRequest(checked));
    return 0;
  }
  CurlTransfer& transfer = Take();
  transfer.idle = false;
  const uint64_t id = (uint64_t{++transfer.uses} << 32) | transfer.slot;
  ++in_flight_;
  transfer.Take(std::move(request));
  transfer.receive = std::move(receive);
  transfer.ended = std::move(ended);
  if (transfer.request->first_byte_timeout_ns > 0) {
    transfer.first_byte_timer =
        loop_.At(transfer.started_ns + transfer.request->first_byte_timeout_ns, [this, &transfer] {
          transfer.first_byte_timer = 0;
          transfer.first_byte_late = true;
          End(transfer, CURLE_OPERATION_TIMEDOUT, false);
        });
  }
  Begin(transfer);
  pools_.Drive();
  return id;
}

void CurlTransfers::Cancel(uint64_t id) {
  const auto slot = static_cast<uint32_t>(id);
  if (slot >= transfers_.size()) return;
  CurlTransfer& transfer = *transfers_[slot];
  if (!transfer.idle && transfer.uses == id >> 32) End(transfer, CURLE_OK, true);
}

void CurlTransfers::CancelAll() {
  // HttpClient lets those that are told start nothing meanwhile.
  for (const std::unique_ptr<CurlTransfer>& transfer : transfers_) {
    if (!transfer->idle) End(*transfer, CURLE_OK, true);
  }
}

void CurlTransfers::Ended(CURL* easy, CURLcode result) {
  CurlTransfer* transfer = nullptr;
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
  if (!std::exchange(transfer->lacks_connection, false)) return End(*transfer, result, false);
  transfer->own_connection = true;
  Begin(*transfer);
}

void CurlTransfers::End(CurlTransfer& transfer, CURLcode result, bool cancelled) {
  HttpResponse response = transfer.Response(result, cancelled);
  CurlPools::Remove(transfer.pool, transfer.easy);
  loop_.Cancel(std::exchange(transfer.first_byte_timer, 0));
  transfer.idle = true;
  --in_flight_;
  transfer.receive = nullptr;
  const HttpEnded ended = std::exchange(transfer.ended, nullptr);
  idle_.push_back(&transfer);
  ended(std::move(response));
}

void CurlTransfers::Begin(CurlTransfer& transfer) {
  CurlPools::Remove(transfer.pool, transfer.easy);  // of no effect unless it is begun again
  transfer.Prepare();
  pools_.Begin(transfer.pool, transfer.easy);
}

CurlTransfer& CurlTransfers::Take() {
  if (!idle_.empty()) {
    CurlTransfer& transfer = *idle_.back();
    idle_.pop_back();
    return transfer;
  }
  const auto slot = static_cast<uint32_t>(transfers_.size());
  if (slot % kTransfersPerPool == 0) newest_ = &pools_.Add();
  transfers_.push_back(std::make_unique<CurlTransfer>(loop_, pools_, *newest_, slot, pools_.size() > 1));
  return *transfers_.back();
}

}  // namespace assay
