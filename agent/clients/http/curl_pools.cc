#include "agent/clients/http/curl_pools.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <utility>

#include "common/clock.h"
#include "common/nanoseconds.h"

namespace assay {
namespace {}  // namespace

struct CurlPools::Pool {
  CurlPools* all = nullptr;
  CURLM* multi = nullptr;
  EventLoop::TimerId timer = 0;
  bool due = false;  // libcurl wants to be called at once
};

CurlPools::CurlPools(EventLoop& loop, size_t kept, std::function<void(CURL*, CURLcode)> ended)
    : loop_(loop), kept_(kept), ended_(std::move(ended)) {}

CurlPools::~CurlPools() {
  for (const std::unique_ptr<Pool>& pool : pools_) {
    curl_multi_cleanup(pool->multi);
    loop_.Cancel(pool->timer);
  }
  for (const auto& [fd, socket] : sockets_) loop_.Unwatch(fd);
}

CurlPools::Pool& CurlPools::Add() {
  Pool& pool = *pools_.emplace_back(std::make_unique<Pool>());
  pool.all = this;
  pool.multi = curl_multi_init();
  curl_multi_setopt(pool.multi, CURLMOPT_SOCKETFUNCTION, &CurlPools::WantSocket);
  curl_multi_setopt(pool.multi, CURLMOPT_SOCKETDATA, &pool);
  curl_multi_setopt(pool.multi, CURLMOPT_TIMERFUNCTION, &CurlPools::WantTimer);
  curl_multi_setopt(pool.multi, CURLMOPT_TIMERDATA, &pool);
  curl_multi_setopt(pool.multi, CURLMOPT_MAXCONNECTS, static_cast<long>(kept_));
  return pool;
}

void CurlPools::Begin(Pool& pool, CURL* transfer) {
  curl_multi_add_handle(pool.multi, transfer);
  MarkDue(pool);
}

void CurlPools::Remove(Pool& pool, CURL* transfer) { curl_multi_remove_handle(pool.multi, transfer); }

int CurlPools::WantSocket(CURL* /*easy*/, curl_socket_t fd, int what, void* pool, void* /*of_socket*/) {
  auto* const wanting = static_cast<Pool*>(pool);
  wanting->all->Want(*wanting, fd, what);
  return 0;
}

void CurlPools::Want(Pool& pool, curl_socket_t fd, int what) {
  Socket& socket = sockets_[fd];
  socket.pool = &pool;
  socket.wanted = what != CURL_POLL_REMOVE;
  if (!socket.wanted) return;
  const uint32_t events = (what != CURL_POLL_OUT ? EPOLLIN : 0U) | (what != CURL_POLL_IN ? EPOLLOUT : 0U);
  if (events == socket.watched) return;
  socket.watched = events;
  // Without room for the watch the transfer runs into its timeout: there is no better way to tell libcurl.
  loop_.Watch(fd, events, [this, fd](uint32_t ready) { Ready(fd, ready); });
}

void CurlPools::Ready(curl_socket_t fd, uint32_t ready) {
  const auto found = sockets_.find(fd);
  if (found == sockets_.end()) return;
  if (!found->second.wanted) {
    // The peer has closed a connection that nobody uses; libcurl sees it when it takes it up again.
    loop_.Unwatch(fd);
    sockets_.erase(found);
    return;
  }
  const int what = ((ready & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) | ((ready & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
                   ((ready & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0);
  Act(*found->second.pool, fd, what);
}

int CurlPools::CloseSocket(void* self, curl_socket_t fd) {
  auto* const pools = static_cast<CurlPools*>(self);
  pools->loop_.Unwatch(fd);
  pools->sockets_.erase(fd);
  return close(fd);
}

int CurlPools::WantTimer(CURLM* /*multi*/, long timeout_ms, void* of) {
  auto* const pool = static_cast<Pool*>(of);
  CurlPools* const pools = pool->all;
  pools->loop_.Cancel(std::exchange(pool->timer, 0));
  if (timeout_ms == 0) pools->MarkDue(*pool);
  if (timeout_ms > 0) {
    pool->timer = pools->loop_.At(MonotonicNs() + timeout_ms * kMs, [pools, pool] {
      pool->timer = 0;
      pools->Act(*pool, CURL_SOCKET_TIMEOUT, 0);
    });
  }
  return 0;
}

void CurlPools::MarkDue(Pool& pool) {
  if (!std::exchange(pool.due, true)) due_.push_back(&pool);
}

// libcurl works, then those that are ended are told. They may start others: those are taken up here too, for libcurl
// must not be entered from within itself.
void CurlPools::Act(Pool& pool, curl_socket_t fd, int what) {
  if (std::exchange(driving_, true)) return;
  int running = 0;
  curl_multi_socket_action(pool.multi, fd, what, &running);
  TellEnded(pool);
  DriveDue();
  driving_ = false;
}

void CurlPools::Drive() {
  if (std::exchange(driving_, true)) return;
  DriveDue();
  driving_ = false;
}

void CurlPools::DriveDue() {
  int running = 0;
  while (!due_.empty()) {
    Pool& next = *due_.back();
    due_.pop_back();
    next.due = false;
    curl_multi_socket_action(next.multi, CURL_SOCKET_TIMEOUT, 0, &running);
    TellEnded(next);
  }
}

void CurlPools::TellEnded(Pool& pool) {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(pool.multi, &left)) {
    if (message->msg == CURLMSG_DONE) ended_(message->easy_handle, message->data.result);
  }
}

}  // namespace assay
