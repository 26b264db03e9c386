#include "agent/clients/http_client.h"

#include <absl/container/flat_hash_map.h>
#include <curl/curl.h>
#include <fmt/format.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "common/clock.h"
#include "common/units.h"

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

bool HasBody(const HttpRequest& request) {
  return !request.body.empty() || request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
}

// Whether libcurl is told the same of both, but for the body.
bool SameOptions(const HttpRequest& a, const HttpRequest& b) {
  return a.method == b.method && a.url == b.url && a.headers == b.headers && a.unix_socket == b.unix_socket &&
         a.version == b.version && a.verify_tls == b.verify_tls && a.ca_file == b.ca_file &&
         a.timeout_ns == b.timeout_ns && a.connect_timeout_ns == b.connect_timeout_ns && HasBody(a) == HasBody(b);
}

}  // namespace

struct HttpClient::State {
  // A multi handle, with the connections of its transfers.
  struct Pool {
    State* client = nullptr;
    CURLM* multi = nullptr;
    EventLoop::TimerId timer = 0;
    bool due = false;  // libcurl wants to be called at once
  };
  struct Transfer {
    CURL* easy = nullptr;
    Pool* pool = nullptr;
    uint32_t slot = 0;
    uint32_t uses = 0;  // of the slot: tells an id from that of an earlier request
    bool idle = true;
    HttpRequest request;
    bool prepared = false;  // `easy` has the options of `request`, but for the body
    std::function<void(HttpResponse&&)> ended;
    curl_slist* headers = nullptr;
    size_t body_sent = 0;
    int64_t started_ns = 0;
    int64_t attempt_ns = 0;         // libcurl counts from here
    bool own_connection = false;    // of cleartext HTTP/2, see Prepare
    bool lacks_connection = false;  // likewise: there was none to be used
    char error[CURL_ERROR_SIZE] = {};
    bool first_byte_late = false;
    EventLoop::TimerId first_byte_timer = 0;
    State* client = nullptr;
  };
  // A connection that is idle stays watched, so that the next request on it needs no epoll_ctl.
  struct Socket {
    uint32_t watched = 0;
    bool wanted = false;
    Pool* pool = nullptr;
  };

  State(EventLoop& on, size_t kept) : loop(on), kept_connections(std::max<size_t>(1, kept)) { InitCurl(); }

  Pool& AddPool() {
    Pool& pool = *pools.emplace_back(std::make_unique<Pool>());
    pool.client = this;
    pool.multi = curl_multi_init();
    curl_multi_setopt(pool.multi, CURLMOPT_SOCKETFUNCTION, &State::WantSocket);
    curl_multi_setopt(pool.multi, CURLMOPT_SOCKETDATA, &pool);
    curl_multi_setopt(pool.multi, CURLMOPT_TIMERFUNCTION, &State::WantTimer);
    curl_multi_setopt(pool.multi, CURLMOPT_TIMERDATA, &pool);
    curl_multi_setopt(pool.multi, CURLMOPT_MAXCONNECTS,
                      static_cast<long>(std::min(kept_connections, kTransfersPerPool)));
    return pool;
  }

  ~State() {
    for (const std::unique_ptr<Transfer>& transfer : transfers) {
      loop.Cancel(transfer->first_byte_timer);
      if (!transfer->idle) curl_multi_remove_handle(transfer->pool->multi, transfer->easy);
      curl_slist_free_all(transfer->headers);
      curl_easy_cleanup(transfer->easy);
    }
    for (const std::unique_ptr<Pool>& pool : pools) {
      curl_multi_cleanup(pool->multi);
      loop.Cancel(pool->timer);
    }
    for (const auto& [fd, socket] : sockets) loop.Unwatch(fd);
  }

  static int WantSocket(CURL* /*easy*/, curl_socket_t fd, int what, void* pool, void* /*of_socket*/) {
    auto* const wanting = static_cast<Pool*>(pool);
    wanting->client->Want(*wanting, fd, what);
    return 0;
  }

  void Want(Pool& pool, curl_socket_t fd, int what) {
    Socket& socket = sockets[fd];
    socket.pool = &pool;
    socket.wanted = what != CURL_POLL_REMOVE;
    if (!socket.wanted) return;
    const uint32_t events = (what != CURL_POLL_OUT ? EPOLLIN : 0U) | (what != CURL_POLL_IN ? EPOLLOUT : 0U);
    if (events == socket.watched) return;
    socket.watched = events;
    // Without room for the watch the transfer runs into its timeout: there is no better way to tell libcurl.
    loop.Watch(fd, events, [this, fd](uint32_t ready) { Ready(fd, ready); });
  }

  void Ready(curl_socket_t fd, uint32_t ready) {
    const auto found = sockets.find(fd);
    if (found == sockets.end()) return;
    if (!found->second.wanted) {
      // The peer has closed a connection that nobody uses; libcurl sees it when it takes it up again.
      loop.Unwatch(fd);
      sockets.erase(found);
      return;
    }
    const int what = ((ready & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) | ((ready & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
                     ((ready & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0);
    Drive(*found->second.pool, fd, what);
  }

  static int CloseSocket(void* self, curl_socket_t fd) {
    auto* const state = static_cast<State*>(self);
    state->loop.Unwatch(fd);
    state->sockets.erase(fd);
    return close(fd);
  }

  static int WantTimer(CURLM* /*multi*/, long timeout_ms, void* of) {
    auto* const pool = static_cast<Pool*>(of);
    State* const state = pool->client;
    state->loop.Cancel(std::exchange(pool->timer, 0));
    if (timeout_ms == 0) state->MarkDue(*pool);
    if (timeout_ms > 0) {
      pool->timer = state->loop.At(MonotonicNs() + timeout_ms * kMsNs, [state, pool] {
        pool->timer = 0;
        state->Drive(*pool, CURL_SOCKET_TIMEOUT, 0);
      });
    }
    return 0;
  }

  void MarkDue(Pool& pool) {
    if (!std::exchange(pool.due, true)) due.push_back(&pool);
  }

  // libcurl works, then those that are ended are told. They may start others: those are taken up here too, for libcurl
  // must not be entered from within itself.
  void Drive(Pool& pool, curl_socket_t fd, int what) {
    if (std::exchange(driving, true)) return;
    int running = 0;
    curl_multi_socket_action(pool.multi, fd, what, &running);
    TellEnded(pool);
    DriveDue();
    driving = false;
  }

  void DriveDue() {
    int running = 0;
    while (!due.empty()) {
      Pool& next = *due.back();
      due.pop_back();
      next.due = false;
      curl_multi_socket_action(next.multi, CURL_SOCKET_TIMEOUT, 0, &running);
      TellEnded(next);
    }
  }

  void TellEnded(Pool& pool) {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(pool.multi, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      Transfer* transfer = nullptr;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
      const CURLcode result = message->data.result;
      if (std::exchange(transfer->lacks_connection, false)) {
        transfer->own_connection = true;
        Begin(*transfer);
      } else {
        End(*transfer, result, false);
      }
    }
  }

  static int64_t At(const Transfer& transfer, CURLINFO which) {
    curl_off_t since_start_us = 0;
    curl_easy_getinfo(transfer.easy, which, &since_start_us);
    return since_start_us > 0 ? transfer.attempt_ns + since_start_us * 1000 : -1;
  }

  void End(Transfer& transfer, CURLcode result, bool cancelled) {
    HttpResponse response;
    response.finished_ns = MonotonicNs();
    response.started_ns = transfer.started_ns;
    long status = 0;
    curl_easy_getinfo(transfer.easy, CURLINFO_RESPONSE_CODE, &status);
    response.status = static_cast<int>(status);
    long connections = 0;
    curl_easy_getinfo(transfer.easy, CURLINFO_NUM_CONNECTS, &connections);
    if (connections > 0) {
      response.connected_ns = At(transfer, CURLINFO_CONNECT_TIME_T);
      response.secured_ns = At(transfer, CURLINFO_APPCONNECT_TIME_T);
    }
    if (status != 0) response.first_byte_ns = At(transfer, CURLINFO_STARTTRANSFER_TIME_T);
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
      response.error = TimedOut(transfer, connections > 0 && response.connected_ns < 0);
    } else if (result != CURLE_OK) {
      response.end = HttpResponse::End::kFailed;
      response.error = transfer.error[0] != '\0' ? transfer.error : curl_easy_strerror(result);
    }

    curl_multi_remove_handle(transfer.pool->multi, transfer.easy);
    loop.Cancel(transfer.first_byte_timer);
    transfer.first_byte_timer = 0;
    transfer.idle = true;
    --in_flight;
    const std::function<void(HttpResponse &&)> ended = std::exchange(transfer.ended, nullptr);
    idle.push_back(&transfer);
    ended(std::move(response));
  }

  void Begin(Transfer& transfer) {
    CURLM* const multi = transfer.pool->multi;
    curl_multi_remove_handle(multi, transfer.easy);  // of no effect unless it is begun again
    transfer.error[0] = '\0';
    transfer.attempt_ns = MonotonicNs();
    if (!transfer.prepared) Prepare(transfer);
    if (HasBody(transfer.request)) {
      curl_easy_setopt(transfer.easy, CURLOPT_POSTFIELDSIZE_LARGE,
                       static_cast<curl_off_t>(transfer.request.body.size()));
      curl_easy_setopt(transfer.easy, CURLOPT_POSTFIELDS, transfer.request.body.data());
    }
    curl_multi_add_handle(multi, transfer.easy);
    MarkDue(*transfer.pool);
  }

  // In words of the limit and not of the time it took, so that the same cause has the same text.
  static std::string TimedOut(const Transfer& transfer, bool connecting) {
    const HttpRequest& request = transfer.request;
    if (transfer.first_byte_late)
      return fmt::format("no byte of the answer within {}", FormatDuration(request.first_byte_timeout_ns));
    const int64_t connect_ns = request.connect_timeout_ns;
    if (connecting && connect_ns > 0 && (request.timeout_ns == 0 || connect_ns < request.timeout_ns))
      return fmt::format("not connected within {}", FormatDuration(connect_ns));
    return fmt::format("took longer than {}{}", FormatDuration(request.timeout_ns),
                       connecting ? "; it was not even connected" : "");
  }

  static size_t Received(char* bytes, size_t /*one*/, size_t count, void* of) {
    auto* const transfer = static_cast<Transfer*>(of);
    if (!transfer->request.receive) return count;
    long status = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    transfer->request.receive(static_cast<int>(status), {bytes, count});
    return count;
  }

  static size_t HeaderReceived(char* /*bytes*/, size_t /*one*/, size_t count, void* of) {
    auto* const transfer = static_cast<Transfer*>(of);
    transfer->client->loop.Cancel(std::exchange(transfer->first_byte_timer, 0));
    return count;
  }

  // Before a connection is made for a transfer that must not make one.
  static int RefuseConnection(void* of, curl_socket_t /*fd*/, curlsocktype /*purpose*/) {
    static_cast<Transfer*>(of)->lacks_connection = true;
    return CURL_SOCKOPT_ERROR;
  }

  Transfer& Take() {
    if (!idle.empty()) {
      Transfer& transfer = *idle.back();
      idle.pop_back();
      return transfer;
    }
    transfers.push_back(std::make_unique<Transfer>());
    Transfer& transfer = *transfers.back();
    transfer.slot = static_cast<uint32_t>(transfers.size() - 1);
    transfer.client = this;
    transfer.pool = transfer.slot % kTransfersPerPool == 0 ? &AddPool() : pools.back().get();
    transfer.easy = curl_easy_init();
    if (pools.size() > 1) curl_easy_setopt(transfer.easy, CURLOPT_BUFFERSIZE, kSmallBufferBytes);
    curl_easy_setopt(transfer.easy, CURLOPT_PRIVATE, &transfer);
    curl_easy_setopt(transfer.easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(transfer.easy, CURLOPT_NOPROGRESS, 1L);
    curl_easy_setopt(transfer.easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(transfer.easy, CURLOPT_PROXY, "");  // the environment's would be measured instead of the target
    curl_easy_setopt(transfer.easy, CURLOPT_ERRORBUFFER, transfer.error);
    curl_easy_setopt(transfer.easy, CURLOPT_WRITEFUNCTION, &State::Received);
    curl_easy_setopt(transfer.easy, CURLOPT_WRITEDATA, &transfer);
    curl_easy_setopt(transfer.easy, CURLOPT_HEADERFUNCTION, &State::HeaderReceived);
    curl_easy_setopt(transfer.easy, CURLOPT_HEADERDATA, &transfer);
    curl_easy_setopt(transfer.easy, CURLOPT_CLOSESOCKETFUNCTION, &State::CloseSocket);
    curl_easy_setopt(transfer.easy, CURLOPT_CLOSESOCKETDATA, this);
    curl_easy_setopt(transfer.easy, CURLOPT_DNS_CACHE_TIMEOUT, 60L);
    return transfer;
  }

  void Prepare(Transfer& transfer) {
    const HttpRequest& request = transfer.request;
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
    curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH,
                     request.unix_socket.empty() ? nullptr : request.unix_socket.c_str());
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
    curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, uses ? &State::RefuseConnection : nullptr);
    curl_easy_setopt(easy, CURLOPT_SOCKOPTDATA, &transfer);
    // With HTTP/2 further requests go onto the connection that is being made instead of each making its own.
    curl_easy_setopt(easy, CURLOPT_PIPEWAIT, two ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, request.verify_tls ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, request.verify_tls ? 2L : 0L);
    if (!request.ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, request.ca_file.c_str());
    const int64_t spent_ns = transfer.attempt_ns - transfer.started_ns;
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
                     request.timeout_ns == 0 ? 0L : CeilMs(std::max(kMsNs, request.timeout_ns - spent_ns)));
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CeilMs(request.connect_timeout_ns));
    transfer.prepared = !two;
  }

  EventLoop& loop;
  const size_t kept_connections;
  std::vector<std::unique_ptr<Pool>> pools;
  std::vector<std::unique_ptr<Transfer>> transfers;
  std::vector<Transfer*> idle;
  absl::flat_hash_map<curl_socket_t, Socket> sockets;
  size_t in_flight = 0;
  std::vector<Pool*> due;
  bool driving = false;  // libcurl is being called
};

HttpClient::HttpClient(EventLoop& loop, size_t connections) : state_(std::make_unique<State>(loop, connections)) {}

HttpClient::~HttpClient() = default;

HttpClient::Id HttpClient::Start(HttpRequest request, std::function<void(HttpResponse&&)> ended) {
  State::Transfer& transfer = state_->Take();
  transfer.idle = false;
  const Id id = (Id{++transfer.uses} << 32) | transfer.slot;
  ++state_->in_flight;
  // A load asks for the same thing again and again: telling libcurl so each time is a tenth of what a request costs.
  transfer.prepared = transfer.prepared && SameOptions(transfer.request, request);
  transfer.request = std::move(request);
  transfer.ended = std::move(ended);
  transfer.own_connection = false;
  transfer.lacks_connection = false;
  transfer.first_byte_late = false;
  transfer.started_ns = MonotonicNs();
  if (transfer.request.first_byte_timeout_ns > 0) {
    transfer.first_byte_timer = state_->loop.At(transfer.started_ns + transfer.request.first_byte_timeout_ns,
                                                [state = state_.get(), &transfer] {
                                                  transfer.first_byte_timer = 0;
                                                  transfer.first_byte_late = true;
                                                  state->End(transfer, CURLE_OPERATION_TIMEDOUT, false);
                                                });
  }
  state_->Begin(transfer);
  if (!std::exchange(state_->driving, true)) {
    state_->DriveDue();
    state_->driving = false;
  }
  return id;
}

void HttpClient::Cancel(Id id) {
  const auto slot = static_cast<uint32_t>(id);
  if (slot >= state_->transfers.size()) return;
  State::Transfer& transfer = *state_->transfers[slot];
  if (!transfer.idle && transfer.uses == id >> 32) state_->End(transfer, CURLE_OK, true);
}

void HttpClient::CancelAll() {
  // By position: those that are told may start others, which are then cancelled too.
  for (size_t i = 0; i < state_->transfers.size(); ++i) {
    if (!state_->transfers[i]->idle) state_->End(*state_->transfers[i], CURLE_OK, true);
  }
}

size_t HttpClient::in_flight() const { return state_->in_flight; }

}  // namespace assay
