#ifndef ASSAY_AGENT_CLIENTS_HTTP_CURL_TRANSFERS_H_
#define ASSAY_AGENT_CLIENTS_HTTP_CURL_TRANSFERS_H_

#include <curl/curl.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "agent/clients/http/curl_pools.h"
#include "agent/clients/http/curl_transfer.h"
#include "agent/clients/http/http_messages.h"
#include "agent/loop/event_loop.h"

namespace assay {

// Requests over libcurl: TLS, HTTP/2, unix sockets and whatever else PlainRequest does not take. Names are resolved by
// a thread of libcurl's.
class CurlTransfers {
 public:
  CurlTransfers(EventLoop& loop, size_t connections);

  // As those of HttpClient.
  uint64_t Start(std::shared_ptr<const HttpRequest> request, HttpReceive receive, HttpEnded ended);
  void Cancel(uint64_t id);
  void CancelAll();
  size_t in_flight() const { return in_flight_; }

 private:
  CurlTransfer& Take();
  void Begin(CurlTransfer& transfer);
  void Ended(CURL* easy, CURLcode result);
  void End(CurlTransfer& transfer, CURLcode result, bool cancelled);

  EventLoop& loop_;
  CurlPools pools_;
  CurlPools::Pool* newest_ = nullptr;
  std::vector<std::unique_ptr<CurlTransfer>> transfers_;
  std::vector<CurlTransfer*> idle_;
  size_t in_flight_ = 0;
};

}  // namespace assay

#endif  // ASSAY_AGENT_CLIENTS_HTTP_CURL_TRANSFERS_H_
