#ifndef ASSAY_AGENT_CLIENTS_HTTP_CURL_TRANSFERS_H_
#define ASSAY_AGENT_CLIENTS_HTTP_CURL_TRANSFERS_H_

#include <curl/curl.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "agent/clients/http/curl_pools.h"
#include "agent/clients/http/http_messages.h"
#include "agent/loop/event_loop.h"

namespace assay {

// Requests over libcurl: TLS, HTTP/2, unix sockets and whatever else PlainRequest does not take. Names are resolved by
// a thread of libcurl's.
class CurlTransfers {
 public:
  CurlTransfers(EventLoop& loop, size_t connections);
  ~CurlTransfers();

  // As those of HttpClient.
  uint64_t Start(std::shared_ptr<const HttpRequest> request, HttpReceive receive, HttpEnded ended);
  void Cancel(uint64_t id);
  void CancelAll();
  size_t in_flight() const { return in_flight_; }

 private:
  struct Transfer;

  static size_t Received(char* bytes, size_t one, size_t count, void* of);
  static size_t HeaderReceived(char* bytes, size_t one, size_t count, void* of);
  static int RefuseConnection(void* of, curl_socket_t fd, curlsocktype purpose);
  Transfer& Take();
  void Prepare(Transfer& transfer);
  void PrepareConnection(Transfer& transfer);
  void Begin(Transfer& transfer);
  void Ended(CURL* easy, CURLcode result);
  void End(Transfer& transfer, CURLcode result, bool cancelled);

  EventLoop& loop_;
  CurlPools pools_;
  CurlPools::Pool* newest_ = nullptr;
  std::vector<std::unique_ptr<Transfer>> transfers_;
  std::vector<Transfer*> idle_;
  size_t in_flight_ = 0;
};

}  // namespace assay

#endif  // ASSAY_AGENT_CLIENTS_HTTP_CURL_TRANSFERS_H_
