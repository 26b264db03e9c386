#ifndef ASSAY_AGENT_CLIENTS_HTTP_CURL_POOLS_H_
#define ASSAY_AGENT_CLIENTS_HTTP_CURL_POOLS_H_

#include <absl/container/flat_hash_map.h>
#include <curl/curl.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "agent/loop/event_loop.h"

namespace assay {

// libcurl's multi handles, each with the connections of its transfers; their sockets and timers are the event loop's.
class CurlPools {
 public:
  struct Pool;

  // `kept`: connections per pool. `ended` may begin other transfers.
  CurlPools(EventLoop& loop, size_t kept, std::function<void(CURL*, CURLcode)> ended);
  ~CurlPools();  // after all transfers have been removed

  Pool& Add();
  size_t size() const { return pools_.size(); }
  // The transfer goes on from the next Drive on.
  void Begin(Pool& pool, CURL* transfer);
  static void Remove(Pool& pool, CURL* transfer);  // one that is not there is fine
  // Lets libcurl work on what was begun. Of no effect within `ended`: it happens behind it.
  void Drive();
  // For CURLOPT_CLOSESOCKETFUNCTION, with the CurlPools as its data.
  static int CloseSocket(void* self, curl_socket_t fd);

 private:
  // A connection that is idle stays watched, so that the next request on it needs no epoll_ctl.
  struct Socket {
    uint32_t watched = 0;
    bool wanted = false;
    Pool* pool = nullptr;
  };

  static int WantSocket(CURL* easy, curl_socket_t fd, int what, void* pool, void* of_socket);
  static int WantTimer(CURLM* multi, long timeout_ms, void* pool);
  void Want(Pool& pool, curl_socket_t fd, int what);
  void Ready(curl_socket_t fd, uint32_t ready);
  void MarkDue(Pool& pool);
  void Act(Pool& pool, curl_socket_t fd, int what);
  void DriveDue();
  void TellEnded(Pool& pool);

  EventLoop& loop_;
  const size_t kept_;
  const std::function<void(CURL*, CURLcode)> ended_;
  std::vector<std::unique_ptr<Pool>> pools_;
  absl::flat_hash_map<curl_socket_t, Socket> sockets_;
  std::vector<Pool*> due_;
  bool driving_ = false;  // libcurl is being called
};

}  // namespace assay

#endif  // ASSAY_AGENT_CLIENTS_HTTP_CURL_POOLS_H_
