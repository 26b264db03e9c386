#include "agent/clients/http/curl_transfers.h"

#include <algorithm>
#include <string>
#include <utility>

#include "common/clock.h"

namespace assay {
namespace {

constexpr int64_t kMsNs = 1'000'000;
// libcurl looks for a connection to use again by going through all that it has: thousands in one pool would cost more
// than the requests on them.
constexpr size_t kTransfersPerPool = 128;
// Of the second pool and on: each transfer holds one while it goes on.
constexpr long kSmallBufferBytes = 4096;

long CeilMs(int64_t ns) { return static_cast<long>((ns + kMsNs - 1) / kMsNs); }

// Made once; libcurl wants it before any thread uses it.
bool InitCurl() {
  static const bool done = curl_global_init(CURL_GLOBAL_ALL) == CURLE_OK;
  return done;
}

// Whether libcurl is told the same of both, but for the body.
bool SameOptions(const HttpRequest& a, const HttpRequest& b) {
  return &a == &b ||
         (a.method == b.method && a.url == b.url && a.headers == b.headers && a.unix_socket == b.unix_socket &&
          a.version == b.version && a.verify_tls == b.verify_tls && a.ca_file == b.ca_file &&
          a.timeout_ns == b.timeout_ns && a.connect_timeout_ns == b.connect_timeout_ns && HasBody(a) == HasBody(b));
}

}  // namespace

struct CurlTransfers::Transfer {
  CURL* easy = nullptr;
  CurlPools::Pool* pool = nullptr;
  uint32_t slot = 0;
  uint32_t uses = 0;  // of the slot: tells an id from that of an earlier request
  bool idle = true;
  std::shared_ptr<const HttpRequest> request;
  bool prepared = false;  // `easy` has the options of `request`, but for the body
  HttpReceive receive;
  HttpEnded ended;
  curl_slist* headers = nullptr;
  int64_t started_ns = 0;
  int64_t attempt_ns = 0;         // libcurl counts from here
  bool own_connection = false;    // of cleartext HTTP/2, see PrepareConnection
  bool lacks_connection = false;  // likewise: there was none to be used
  char error[CURL_ERROR_SIZE] = {};
  bool first_byte_late = false;
  EventLoop::TimerId first_byte_timer = 0;
  EventLoop* loop = nullptr;

  int64_t At(CURLINFO which) const {
    curl_off_t since_start_us = 0;
    curl_easy_getinfo(easy, which, &since_start_us);
    return since_start_us > 0 ? attempt_ns + since_start_us * 1000 : -1;
  }

  std::string TimedOut(bool connecting) const {
    const int64_t connect_ns = request->connect_timeout_ns > 0 ? request->connect_timeout_ns : kHttpConnectTimeoutNs;
    const bool by_connect = connecting && (request->timeout_ns == 0 || connect_ns < request->timeout_ns);
    const HttpLimit limit = first_byte_late ? HttpLimit::kFirstByte
                            : by_connect    ? HttpLimit::kConnect
                                            : HttpLimit::kWhole;
    return TimeoutText(*request, limit, connecting);
  }
};

CurlTransfers::CurlTransfers(EventLoop& loop, size_t connections)
    : loop_(loop),
      pools_(loop, std::clamp<size_t>(connections, 1, kTransfersPerPool),
             [this](CURL* easy, CURLcode result) { Ended(easy, result); }) {
  InitCurl();
}

CurlTransfers::~CurlTransfers() {
  for (const std::unique_ptr<Transfer>& transfer : transfers_) {
    loop_.Cancel(transfer->first_byte_timer);
    CurlPools::Remove(*transfer->pool, transfer->easy);
    curl_slist_free_all(transfer->headers);
    curl_easy_cleanup(transfer->easy);
  }
}

uint64_t CurlTransfers::Start(std::shared_ptr<const HttpRequest> request, HttpReceive receive, HttpEnded ended) {
  if (const absl::Status checked = CheckHttpRequest(*request); !checked.ok()) {
    ended(RefusedRequest(checked));
    return 0;
  }
  Transfer& transfer = Take();
  transfer.idle = false;
  const uint64_t id = (uint64_t{++transfer.uses} << 32) | transfer.slot;
  ++in_flight_;
  // A load asks for the same thing again and again: telling libcurl so each time is a tenth of what a request costs.
  transfer.prepared = transfer.prepared && SameOptions(*transfer.request, *request);
  transfer.request = std::move(request);
  transfer.receive = std::move(receive);
  transfer.ended = std::move(ended);
  transfer.own_connection = false;
  transfer.lacks_connection = false;
  transfer.first_byte_late = false;
  transfer.started_ns = MonotonicNs();
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
  Transfer& transfer = *transfers_[slot];
  if (!transfer.idle && transfer.uses == id >> 32) End(transfer, CURLE_OK, true);
}

void CurlTransfers::CancelAll() {
  // By position: those that are told may start others, which are then cancelled too.
  for (size_t i = 0; i < transfers_.size(); ++i) {
    if (!transfers_[i]->idle) End(*transfers_[i], CURLE_OK, true);
  }
}

void CurlTransfers::Ended(CURL* easy, CURLcode result) {
  Transfer* transfer = nullptr;
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
  if (!std::exchange(transfer->lacks_connection, false)) return End(*transfer, result, false);
  transfer->own_connection = true;
  Begin(*transfer);
}

void CurlTransfers::End(Transfer& transfer, CURLcode result, bool cancelled) {
  HttpResponse response;
  response.finished_ns = MonotonicNs();
  response.started_ns = transfer.started_ns;
  long status = 0;
  curl_easy_getinfo(transfer.easy, CURLINFO_RESPONSE_CODE, &status);
  response.status = static_cast<int>(status);
  long connections = 0;
  curl_easy_getinfo(transfer.easy, CURLINFO_NUM_CONNECTS, &connections);
  if (connections > 0) {
    response.connected_ns = transfer.At(CURLINFO_CONNECT_TIME_T);
    response.secured_ns = transfer.At(CURLINFO_APPCONNECT_TIME_T);
  }
  if (status != 0) response.first_byte_ns = transfer.At(CURLINFO_STARTTRANSFER_TIME_T);
  curl_off_t bytes = 0;
  curl_easy_getinfo(transfer.easy, CURLINFO_SIZE_UPLOAD_T, &bytes);
  response.sent_bytes = static_cast<uint64_t>(bytes);
  curl_easy_getinfo(transfer.easy, CURLINFO_SIZE_DOWNLOAD_T, &bytes);
  response.received_bytes = static_cast<uint64_t>(bytes);
  if (cancelled) {
    response.end = HttpResponse::End::kCancelled;
    response.error = "cancelled";
  } else if (result == CURLE_OPERATION_TIMEDOUT) {
    response.end = HttpResponse::End::kTimedOut;
    response.error = transfer.TimedOut(connections > 0 && response.connected_ns < 0);
  } else if (result != CURLE_OK) {
    response.end = HttpResponse::End::kFailed;
    response.error = transfer.error[0] != '\0' ? transfer.error : curl_easy_strerror(result);
  }

  CurlPools::Remove(*transfer.pool, transfer.easy);
  loop_.Cancel(std::exchange(transfer.first_byte_timer, 0));
  transfer.idle = true;
  --in_flight_;
  transfer.receive = nullptr;
  const HttpEnded ended = std::exchange(transfer.ended, nullptr);
  idle_.push_back(&transfer);
  ended(std::move(response));
}

void CurlTransfers::Begin(Transfer& transfer) {
  CurlPools::Remove(*transfer.pool, transfer.easy);  // of no effect unless it is begun again
  transfer.error[0] = '\0';
  transfer.attempt_ns = MonotonicNs();
  if (!transfer.prepared) Prepare(transfer);
  if (HasBody(*transfer.request)) {
    const std::string& body = transfer.request->body;
    curl_easy_setopt(transfer.easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    curl_easy_setopt(transfer.easy, CURLOPT_POSTFIELDS, body.data());
  }
  pools_.Begin(*transfer.pool, transfer.easy);
}

size_t CurlTransfers::Received(char* bytes, size_t /*one*/, size_t count, void* of) {
  auto* const transfer = static_cast<Transfer*>(of);
  if (!transfer->receive) return count;
  long status = 0;
  curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
  transfer->receive(static_cast<int>(status), {bytes, count});
  return count;
}

size_t CurlTransfers::HeaderReceived(char* /*bytes*/, size_t /*one*/, size_t count, void* of) {
  auto* const transfer = static_cast<Transfer*>(of);
  transfer->loop->Cancel(std::exchange(transfer->first_byte_timer, 0));
  return count;
}

// Before a connection is made for a transfer that must not make one.
int CurlTransfers::RefuseConnection(void* of, curl_socket_t /*fd*/, curlsocktype /*purpose*/) {
  static_cast<Transfer*>(of)->lacks_connection = true;
  return CURL_SOCKOPT_ERROR;
}

CurlTransfers::Transfer& CurlTransfers::Take() {
  if (!idle_.empty()) {
    Transfer& transfer = *idle_.back();
    idle_.pop_back();
    return transfer;
  }
  Transfer& transfer = *transfers_.emplace_back(std::make_unique<Transfer>());
  transfer.slot = static_cast<uint32_t>(transfers_.size() - 1);
  transfer.loop = &loop_;
  if (transfer.slot % kTransfersPerPool == 0) newest_ = &pools_.Add();
  transfer.pool = newest_;
  transfer.easy = curl_easy_init();
  if (pools_.size() > 1) curl_easy_setopt(transfer.easy, CURLOPT_BUFFERSIZE, kSmallBufferBytes);
  curl_easy_setopt(transfer.easy, CURLOPT_PRIVATE, &transfer);
  curl_easy_setopt(transfer.easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(transfer.easy, CURLOPT_NOPROGRESS, 1L);
  curl_easy_setopt(transfer.easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(transfer.easy, CURLOPT_PROXY, "");  // the environment's would be measured instead of the target
  curl_easy_setopt(transfer.easy, CURLOPT_ERRORBUFFER, transfer.error);
  curl_easy_setopt(transfer.easy, CURLOPT_WRITEFUNCTION, &CurlTransfers::Received);
  curl_easy_setopt(transfer.easy, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(transfer.easy, CURLOPT_HEADERFUNCTION, &CurlTransfers::HeaderReceived);
  curl_easy_setopt(transfer.easy, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(transfer.easy, CURLOPT_CLOSESOCKETFUNCTION, &CurlPools::CloseSocket);
  curl_easy_setopt(transfer.easy, CURLOPT_CLOSESOCKETDATA, &pools_);
  curl_easy_setopt(transfer.easy, CURLOPT_DNS_CACHE_TIMEOUT, 60L);
  return transfer;
}

void CurlTransfers::Prepare(Transfer& transfer) {
  const HttpRequest& request = *transfer.request;
  CURL* const easy = transfer.easy;
  const bool has_body = HasBody(request);
  curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);  // whatever the last one was
  if (has_body) curl_easy_setopt(easy, CURLOPT_POST, 1L);
  curl_easy_setopt(easy, CURLOPT_NOBODY, request.method == "HEAD" ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
  curl_slist_free_all(std::exchange(transfer.headers, nullptr));
  for (const std::string& header : request.headers)
    transfer.headers = curl_slist_append(transfer.headers, header.c_str());
  // It would wait a second for a "100 Continue" that many servers never send.
  if (has_body) transfer.headers = curl_slist_append(transfer.headers, "Expect:");
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer.headers);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, request.verify_tls ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, request.verify_tls ? 2L : 0L);
  if (!request.ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, request.ca_file.c_str());
  const int64_t spent_ns = transfer.attempt_ns - transfer.started_ns;
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
                   request.timeout_ns == 0 ? 0L : CeilMs(std::max(kMsNs, request.timeout_ns - spent_ns)));
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CeilMs(request.connect_timeout_ns));
  PrepareConnection(transfer);
}

void CurlTransfers::PrepareConnection(Transfer& transfer) {
  const HttpRequest& request = *transfer.request;
  CURL* const easy = transfer.easy;
  curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, request.unix_socket.empty() ? nullptr : request.unix_socket.c_str());
  const bool secure = request.url.starts_with("https:");
  const bool two = request.version == HttpRequest::Version::kHttp2;
  // libcurl 7.88 breaks a cleartext HTTP/2 connection when it uses it again with prior knowledge (curl#10634).
  // Without it a request goes onto such a connection as well, but would make one of HTTP/1.1: so it may make none,
  // and is begun anew with a connection of its own where there was none to be used.
  const bool prior = two && !secure && transfer.own_connection;
  const bool uses = two && !secure && !transfer.own_connection;
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                   request.version == HttpRequest::Version::kHttp1 ? static_cast<long>(CURL_HTTP_VERSION_1_1)
                   : prior ? static_cast<long>(CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE)
                           : static_cast<long>(CURL_HTTP_VERSION_2TLS));
  curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, prior ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, uses ? &CurlTransfers::RefuseConnection : nullptr);
  curl_easy_setopt(easy, CURLOPT_SOCKOPTDATA, &transfer);
  // With HTTP/2 further requests go onto the connection that is being made instead of each making its own.
  curl_easy_setopt(easy, CURLOPT_PIPEWAIT, two ? 1L : 0L);
  transfer.prepared = !two;
}

}  // namespace assay
