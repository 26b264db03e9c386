#include "agent/clients/http/curl_transfer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/clock.h"
#include "common/nanoseconds.h"

namespace assay {
namespace {
// Each transfer holds a buffer while it goes on.
constexpr long kSmallBufferBytes = 4096;

long CeilMs(int64_t ns) { return static_cast<long>((ns + kMs - 1) / kMs); }

// Whether libcurl is told the same of both, but for the body.
bool SameOptions(const HttpRequest& a, const HttpRequest& b) {
  return &a == &b ||
         (a.method == b.method && a.url == b.url && a.headers == b.headers && a.unix_socket == b.unix_socket &&
          a.version == b.version && a.verify_tls == b.verify_tls && a.ca_file == b.ca_file &&
          a.timeout_ns == b.timeout_ns && a.connect_timeout_ns == b.connect_timeout_ns && HasBody(a) == HasBody(b));
}

// "db:8443" of "https://user@db:8443/path"; empty: libcurl does not take the URL.
std::string HostOf(const std::string& url) {
  const std::unique_ptr<CURLU, void (*)(CURLU*)> parsed(curl_url(), &curl_url_cleanup);
  if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) return "";
  std::string text;
  for (const CURLUPart which : {CURLUPART_HOST, CURLUPART_PORT}) {
    char* part = nullptr;
    if (curl_url_get(parsed.get(), which, &part, CURLU_DEFAULT_PORT) != CURLUE_OK) return "";
    text += (text.empty() ? "" : ":") + std::string(part);
    curl_free(part);
  }
  return text;
}

}  // namespace

CurlTransfer::CurlTransfer(EventLoop& on, CurlPools& pools, CurlPools::Pool& in, uint32_t number, bool small_buffer)
    : loop(on), pool(in), easy(curl_easy_init()), slot(number) {
  if (small_buffer) curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, kSmallBufferBytes);
  curl_easy_setopt(easy, CURLOPT_PRIVATE, this);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 1L);
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_PROXY, "");  // the environment's would be measured instead of the target
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error_);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &CurlTransfer::Received);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &CurlTransfer::HeaderReceived);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, &CurlPools::CloseSocket);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, &pools);
  curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, 60L);
}

CurlTransfer::~CurlTransfer() {
  loop.Cancel(first_byte_timer);
  CurlPools::Remove(pool, easy);
  curl_slist_free_all(headers_);
  curl_easy_cleanup(easy);
}

// A load asks for the same thing again and again: telling libcurl so each time is a tenth of what a request costs.
void CurlTransfer::Take(std::shared_ptr<const HttpRequest> next) {
  prepared_ = prepared_ && SameOptions(*request, *next);
  request = std::move(next);
  own_connection = false;
  lacks_connection = false;
  first_byte_late = false;
  started_ns = MonotonicNs();
}

void CurlTransfer::Prepare() {
  error_[0] = '\0';
  attempt_ns = MonotonicNs();
  if (!prepared_) PrepareOptions();
  if (!HasBody(*request)) return;
  curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request->body.size()));
  curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body.data());
}

void CurlTransfer::PrepareOptions() {
  const bool has_body = HasBody(*request);
  curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);  // whatever the last one was
  if (has_body) curl_easy_setopt(easy, CURLOPT_POST, 1L);
  curl_easy_setopt(easy, CURLOPT_NOBODY, request->method == "HEAD" ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method.c_str());
  curl_easy_setopt(easy, CURLOPT_URL, request->url.c_str());
  curl_slist_free_all(std::exchange(headers_, nullptr));
  for (const std::string& header : request->headers) headers_ = curl_slist_append(headers_, header.c_str());
  // It would wait a second for a "100 Continue" that many servers never send.
  if (has_body) headers_ = curl_slist_append(headers_, "Expect:");
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers_);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, request->verify_tls ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, request->verify_tls ? 2L : 0L);
  if (!request->ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, request->ca_file.c_str());
  const int64_t spent_ns = attempt_ns - started_ns;
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
                   request->timeout_ns == 0 ? 0L : CeilMs(std::max(kMs, request->timeout_ns - spent_ns)));
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CeilMs(request->connect_timeout_ns));
  PrepareConnection();
}

void CurlTransfer::PrepareConnection() {
  curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH,
                   request->unix_socket.empty() ? nullptr : request->unix_socket.c_str());
  const bool secure = request->url.starts_with("https:");
  const bool two = request->version == HttpRequest::Version::kHttp2;
  // libcurl 7.88 breaks a cleartext HTTP/2 connection when it uses it again with prior knowledge (curl#10634).
  // Without it a request goes onto such a connection as well, but would make one of HTTP/1.1: so it may make none,
  // and is begun anew with a connection of its own where there was none to be used.
  const bool prior = two && !secure && own_connection;
  const bool only_uses = two && !secure && !own_connection;
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                   request->version == HttpRequest::Version::kHttp1 ? static_cast<long>(CURL_HTTP_VERSION_1_1)
                   : prior ? static_cast<long>(CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE)
                           : static_cast<long>(CURL_HTTP_VERSION_2TLS));
  curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, prior ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, only_uses ? &CurlTransfer::RefuseConnection : nullptr);
  curl_easy_setopt(easy, CURLOPT_SOCKOPTDATA, this);
  // With HTTP/2 further requests go onto the connection that is being made instead of each making its own.
  curl_easy_setopt(easy, CURLOPT_PIPEWAIT, two ? 1L : 0L);
  prepared_ = !two;
}

size_t CurlTransfer::Received(char* bytes, size_t /*one*/, size_t count, void* of) {
  auto* const transfer = static_cast<CurlTransfer*>(of);
  if (!transfer->receive) return count;
  long status = 0;
  curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
  transfer->receive(static_cast<int>(status), {bytes, count});
  return count;
}

size_t CurlTransfer::HeaderReceived(char* /*bytes*/, size_t /*one*/, size_t count, void* of) {
  auto* const transfer = static_cast<CurlTransfer*>(of);
  transfer->loop.Cancel(std::exchange(transfer->first_byte_timer, 0));
  return count;
}

// Before a connection is made for a transfer that must not make one.
int CurlTransfer::RefuseConnection(void* of, curl_socket_t /*fd*/, curlsocktype /*purpose*/) {
  static_cast<CurlTransfer*>(of)->lacks_connection = true;
  return CURL_SOCKOPT_ERROR;
}

int64_t CurlTransfer::At(CURLINFO which) const {
  curl_off_t since_start_us = 0;
  curl_easy_getinfo(easy, which, &since_start_us);
  return since_start_us > 0 ? attempt_ns + since_start_us * 1000 : -1;
}

std::string CurlTransfer::TimedOut(bool connecting) const {
  const HttpLimit limit =
      first_byte_late ? HttpLimit::kFirstByte : NextHttpLimit(*request, started_ns, connecting, true).limit;
  return TimeoutText(*request, limit, connecting);
}

HttpResponse CurlTransfer::Response(CURLcode result, bool cancelled) const {
  HttpResponse response;
  response.finished_ns = MonotonicNs();
  response.started_ns = started_ns;
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  response.status = static_cast<int>(status);
  long connections = 0;
  curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &connections);
  if (connections > 0) {
    response.connected_ns = At(CURLINFO_CONNECT_TIME_T);
    response.secured_ns = At(CURLINFO_APPCONNECT_TIME_T);
  }
  if (status != 0) response.first_byte_ns = At(CURLINFO_STARTTRANSFER_TIME_T);
  curl_off_t bytes = 0;
  curl_easy_getinfo(easy, CURLINFO_SIZE_UPLOAD_T, &bytes);
  response.sent_bytes = static_cast<uint64_t>(bytes);
  curl_easy_getinfo(easy, CURLINFO_SIZE_DOWNLOAD_T, &bytes);
  response.received_bytes = static_cast<uint64_t>(bytes);
  if (cancelled) {
    response.end = HttpResponse::End::kCancelled;
    response.error = "cancelled";
  } else if (result == CURLE_OPERATION_TIMEDOUT) {
    response.end = HttpResponse::End::kTimedOut;
    response.error = TimedOut(connections > 0 && response.connected_ns < 0);
  } else if (result != CURLE_OK) {
    response.end = HttpResponse::End::kFailed;
    response.error = Failure(result);
    // One that is expired, or another host's, no authority mends.
    if (result == CURLE_PEER_FAILED_VERIFICATION &&
        (response.error.find("self-signed") != std::string::npos || response.error.find("issuer") != std::string::npos))
      response.error += "; name who signed it: tls: {ca: FILE}, or do not check it: tls: {verify: false}";
  }
  return response;
}

// Where libcurl names no host, or tells how long it took, in the words of the other path.
std::string CurlTransfer::Failure(CURLcode result) const {
  std::string told = error_[0] != '\0' ? error_ : curl_easy_strerror(result);
  const std::string host = request->unix_socket.empty() ? HostOf(request->url) : "";
  if (host.empty()) return told;
  long os_error = 0;
  curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &os_error);
  if (result == CURLE_COULDNT_CONNECT && os_error != 0)
    return fmt::format("cannot connect to {}: {}", host, std::strerror(static_cast<int>(os_error)));
  if (result == CURLE_RECV_ERROR || result == CURLE_SEND_ERROR || result == CURLE_GOT_NOTHING)
    return fmt::format("{}: {}", host, told);
  return told;
}

}  // namespace assay
