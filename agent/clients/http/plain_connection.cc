#include "agent/clients/http/plain_connection.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "common/clock.h"

namespace assay {
namespace {

// Per turn of the loop, so that one that sends or takes a lot leaves it to the others.
constexpr int kReadsPerTurn = 4;
constexpr int kWritesPerTurn = 4;
constexpr size_t kMostPerWrite = 256 << 10;
// Of a connection that was used just now the watch has nothing to say yet; for any other a look costs less than a
// request on a closed one.
constexpr int64_t kFreshNs = 20'000;

std::string Why(int error) {
  switch (error) {
    case EMFILE:
    case ENFILE:
      return fmt::format("{}; raise 'ulimit -n' of the agent, or lower the requests in flight", std::strerror(error));
    case EADDRNOTAVAIL:
      return fmt::format("{}: this host has no free port for another connection there", std::strerror(error));
    default:
      return std::strerror(error);
  }
}

}  // namespace

PlainConnection::~PlainConnection() {
  common_.loop.Cancel(timer_);
  Close();
}

void PlainConnection::Close() {
  state_ = State::kClosed;
  if (fd_ < 0) return;
  common_.loop.Unwatch(fd_);
  close(std::exchange(fd_, -1));
  watched_ = 0;
}

void PlainConnection::Start(std::shared_ptr<const PlainRequest> request, HttpReceive receive, HttpEnded ended,
                            int64_t now_ns) {
  ++uses_;
  request_ = std::move(request);
  receive_ = std::move(receive);
  ended_ = std::move(ended);
  response_ = {};
  response_.started_ns = now_ns;
  sent_ = 0;
  sends_no_more_ = false;
  answer_.Begin(request_->asked()->method == "HEAD");
  was_open_ = fd_ >= 0;
  if (was_open_) {
    state_ = State::kOnRequest;
    Arm();
    return Write();
  }
  state_ = State::kResolving;
  host_text_ = request_->host().text;
  Arm();
  common_.names.Find(request_->host().name, [this, use = uses_](const absl::StatusOr<HostNames::Addresses>& found) {
    if (use != uses_ || state_ != State::kResolving) return;
    if (!found.ok()) return End(HttpResponse::End::kFailed, std::string(found.status().message()), false);
    addresses_ = *found;
    address_ = 0;
    refusals_.clear();
    Connect();
  });
}

// Where the server is near it is connected by now, and the request goes out in the same turn.
void PlainConnection::Connect() {
  state_ = State::kConnecting;
  HostNames::Address address = (*addresses_)[address_];
  address.SetPort(request_->host().port);
  fd_ = socket(address.socket.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return NextAddress(errno);
  const int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (connect(fd_, reinterpret_cast<const sockaddr*>(&address.socket), address.length) != 0 && errno != EINPROGRESS)
    return NextAddress(errno);
  Write();
}

void PlainConnection::NextAddress(int error) {
  if (fd_ >= 0) {
    common_.loop.Unwatch(fd_);
    close(std::exchange(fd_, -1));
    watched_ = 0;
  }
  if (!refusals_.empty()) refusals_ += "; ";
  const bool several = addresses_->size() > 1;
  refusals_ += several ? fmt::format("{}: {}", (*addresses_)[address_].Text(), Why(error)) : Why(error);
  if (++address_ < addresses_->size()) return Connect();
  End(HttpResponse::End::kFailed,
      fmt::format("cannot connect to {}{}: {}", host_text_, several ? " at any of its addresses" : "", refusals_),
      false);
}

void PlainConnection::Write() {
  for (int writes = 0; writes < kWritesPerTurn && sent_ < Whole() && !sends_no_more_; ++writes) {
    const int64_t now_ns = connected() ? 0 : MonotonicNs();
    const std::string& head = request_->head();
    const std::string_view body = request_->body();
    const size_t head_sent = std::min(sent_, head.size());
    const size_t body_sent = sent_ - head_sent;
    std::array<iovec, 2> pieces{
        iovec{const_cast<char*>(head.data()) + head_sent, head.size() - head_sent},
        iovec{const_cast<char*>(body.data()) + body_sent, std::min(kMostPerWrite, body.size() - body_sent)}};
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = body.empty() ? 1 : 2;
    const ssize_t sent = body.empty() ? send(fd_, pieces[0].iov_base, pieces[0].iov_len, MSG_NOSIGNAL)
                                      : sendmsg(fd_, &message, MSG_NOSIGNAL);
    if (sent >= 0) {
      if (!connected()) response_.connected_ns = now_ns;
      state_ = State::kOnRequest;
      sent_ += static_cast<size_t>(sent);
    } else if (errno == EAGAIN) {
      break;
    } else if (errno != EINTR) {
      if (!connected()) return NextAddress(errno);
      // The server may have answered before it closed.
      sends_no_more_ = true;
      return Read();
    }
  }
  WatchFor(EPOLLIN | EPOLLRDHUP | (sent_ < Whole() ? EPOLLOUT : 0U));
}

void PlainConnection::WatchFor(uint32_t events) {
  if (events == watched_) return;
  const bool watched = watched_ == 0 ? common_.loop.Watch(fd_, events, [this](uint32_t ready) { Ready(ready); })
                                     : common_.loop.Rewatch(fd_, events);
  if (!watched) return Fail("the kernel has no room for a watch on the connection; raise fs.epoll.max_user_watches");
  watched_ = events;
}

void PlainConnection::Ready(uint32_t events) {
  if (state_ == State::kIdle) {  // the server has closed it, or says what nobody asked for
    Close();
    return common_.freed(*this, true);
  }
  const uint32_t use = uses_;
  if (state_ == State::kConnecting || (events & EPOLLOUT) != 0) Write();
  if (state_ == State::kOnRequest && use == uses_ && (events & ~static_cast<uint32_t>(EPOLLOUT)) != 0) Read();
}

void PlainConnection::Read() {
  for (int reads = 0; reads < kReadsPerTurn; ++reads) {
    const ssize_t count = recv(fd_, common_.buffer.data(), common_.buffer.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return;
    if (count < 0) return Lost(errno);
    if (!answer_.begun() && count > 0) response_.first_byte_ns = MonotonicNs();
    const auto bytes = static_cast<size_t>(count);
    const PlainAnswer::State state =
        bytes == 0 ? answer_.TakeEnd() : answer_.Take({common_.buffer.data(), bytes}, receive_);
    if (state == PlainAnswer::State::kWhole) {
      return End(HttpResponse::End::kAnswered, "",
                 answer_.keeps_connection() && sent_ == Whole() && !request_->closes());
    }
    if (state == PlainAnswer::State::kBroken) return bytes == 0 ? Lost(0) : Fail(answer_.Fault());
    if (bytes < common_.buffer.size()) return;
  }
}

// Before its answer was whole; `error`: 0 where the server closed it in an orderly way.
void PlainConnection::Lost(int error) {
  const std::string how = error == 0 || error == EPIPE ? "" : fmt::format(" ({})", std::strerror(error));
  if (answer_.begun()) {
    if (error != 0) answer_.TakeEnd();
    return Fail(answer_.Fault() + how);
  }
  // Not sent again: it may have been carried out.
  if (was_open_)
    return Fail(fmt::format("the server closed the kept connection as the request came{}; it was not sent again", how));
  if (sent_ < Whole()) {
    const size_t head = request_->head().size();
    return Fail(fmt::format("the server closed the connection after it was sent {} of {} bytes of the body{}",
                            sent_ - std::min(sent_, head), request_->body().size(), how));
  }
  Fail(fmt::format("Empty reply from server: it closed the connection before a byte of its answer{}", how));
}

void PlainConnection::Fail(std::string why) {
  End(HttpResponse::End::kFailed, fmt::format("{}: {}", host_text_, why), false);
}

void PlainConnection::Cancel() { End(HttpResponse::End::kCancelled, "cancelled", false); }

void PlainConnection::End(HttpResponse::End how, std::string error, bool keep) {
  response_.finished_ns = MonotonicNs();
  response_.end = how;
  response_.error = std::move(error);
  response_.status = answer_.status();
  if (response_.status == 0) response_.first_byte_ns = -1;
  response_.received_bytes = answer_.body_bytes();
  response_.sent_bytes = sent_ - std::min(sent_, request_->head().size());
  if (keep) {
    state_ = State::kIdle;
    idle_since_ns_ = response_.finished_ns;
  } else {
    Close();
  }
  request_.reset();
  addresses_.reset();
  receive_ = nullptr;
  const HttpEnded ended = std::exchange(ended_, nullptr);
  HttpResponse response = std::move(response_);
  common_.freed(*this, false);
  ended(std::move(response));  // may have it used again
}

bool PlainConnection::Usable(int64_t now_ns) const {
  if (now_ns - idle_since_ns_ < kFreshNs) return true;
  char byte = 0;
  return recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EINTR);
}

NextHttpLimit PlainConnection::NextLimit() const {
  return {*request_->asked(), response_.started_ns, !connected(), answer_.begun()};
}

// One timer, left where it is as long as it is not too late: with requests that are answered long before their limits
// it is set once in a while.
void PlainConnection::Arm() {
  const int64_t next_ns = NextLimit().at_ns;
  if (next_ns == INT64_MAX || (timer_ != 0 && timer_ns_ <= next_ns)) return;
  common_.loop.Cancel(timer_);
  timer_ns_ = next_ns;
  timer_ = common_.loop.At(next_ns, [this] {
    timer_ = 0;
    if (busy()) LimitReached();
  });
}

void PlainConnection::LimitReached() {
  const NextHttpLimit next = NextLimit();
  if (MonotonicNs() < next.at_ns) return Arm();
  End(HttpResponse::End::kTimedOut, TimeoutText(*request_->asked(), next.limit, !connected()), false);
}

}  // namespace assay
