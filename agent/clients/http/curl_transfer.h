#ifndef ASSAY_AGENT_CLIENTS_HTTP_CURL_TRANSFER_H_
#define ASSAY_AGENT_CLIENTS_HTTP_CURL_TRANSFER_H_

#include <curl/curl.h>

#include <cstdint>
#include <memory>
#include <string>

#include "agent/clients/http/curl_pools.h"
#include "agent/clients/http/http_messages.h"
#include "agent/loop/event_loop.h"

namespace assay {

// A handle of libcurl's and the request that it carries, one after the other: what libcurl is told of it and says.
struct CurlTransfer {
  CurlTransfer(EventLoop& on, CurlPools& pools, CurlPools::Pool& in, uint32_t number, bool small_buffer);
  ~CurlTransfer();
  CurlTransfer(const CurlTransfer&) = delete;
  CurlTransfer& operator=(const CurlTransfer&) = delete;

  void Take(std::shared_ptr<const HttpRequest> next);
  // Tells libcurl all of it; called before each attempt.
  void Prepare();
  // What came of it. `result` counts unless it was cancelled.
  HttpResponse Response(CURLcode result, bool cancelled) const;

  EventLoop& loop;
  CurlPools::Pool& pool;
  CURL* const easy;
  const uint32_t slot;
  uint32_t uses = 0;  // of the slot: tells an id from that of an earlier request
  bool idle = true;
  std::shared_ptr<const HttpRequest> request;
  HttpReceive receive;
  HttpEnded ended;
  int64_t started_ns = 0;
  int64_t attempt_ns = 0;         // libcurl counts from here
  bool own_connection = false;    // of cleartext HTTP/2, see PrepareConnection
  bool lacks_connection = false;  // likewise: there was none to be used
  bool first_byte_late = false;
  EventLoop::TimerId first_byte_timer = 0;

 private:
  static size_t Received(char* bytes, size_t one, size_t count, void* of);
  static size_t HeaderReceived(char* bytes, size_t one, size_t count, void* of);
  static int RefuseConnection(void* of, curl_socket_t fd, curlsocktype purpose);
  void PrepareOptions();
  void PrepareConnection();
  int64_t At(CURLINFO which) const;
  std::string TimedOut(bool connecting) const;
  std::string Failure(CURLcode result) const;

  bool prepared_ = false;  // `easy` has the options of `request`, but for the body
  curl_slist* headers_ = nullptr;
  char error_[CURL_ERROR_SIZE] = {};
};

}  // namespace assay

#endif  // ASSAY_AGENT_CLIENTS_HTTP_CURL_TRANSFER_H_
