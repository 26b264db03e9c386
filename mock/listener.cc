#include "mock/listener.h"

#include <event2/event.h>
#include <event2/listener.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace assay {
namespace {

constexpr int kBacklog = 4096;
constexpr timeval kAcceptPause{.tv_sec = 0, .tv_usec = 10'000};

}  // namespace

absl::StatusOr<Listener> Listen(event_base* base, const std::string& address) {
  const size_t colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(host.c_str(), address.substr(colon + 1).c_str(), &hints, &found); error != 0) {
    return absl::InvalidArgumentError(
        fmt::format("--listen {}: '{}' is no address of this host: {}", address, host, gai_strerror(error)));
  }
  evconnlistener* listener =
      evconnlistener_new_bind(base, nullptr, nullptr, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE,
                              kBacklog, found->ai_addr, static_cast<int>(found->ai_addrlen));
  const int error = errno;
  freeaddrinfo(found);
  if (listener == nullptr) {
    return absl::ResourceExhaustedError(fmt::format(
        "cannot listen on {} (--listen): {}; choose another, or port 0 for any", address, std::strerror(error)));
  }
  // Accepted connections have it from here: an answer's last piece must not wait for the client's delayed ACK.
  const int on = 1;
  setsockopt(evconnlistener_get_fd(listener), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  evconnlistener_set_error_cb(listener, [](evconnlistener* of, void* /*the evhttp's*/) {
    evconnlistener_disable(of);
    event_base_once(
        evconnlistener_get_base(of), -1, EV_TIMEOUT,
        [](int, short, void* paused) { evconnlistener_enable(static_cast<evconnlistener*>(paused)); }, of,
        &kAcceptPause);
  });
  sockaddr_storage bound{};
  socklen_t length = sizeof(bound);
  getsockname(evconnlistener_get_fd(listener), reinterpret_cast<sockaddr*>(&bound), &length);
  // The port is at the same place for both families.
  const uint16_t port = ntohs(reinterpret_cast<const sockaddr_in*>(&bound)->sin_port);
  return Listener{.listener = listener, .address = fmt::format("{}:{}", address.substr(0, colon), port)};
}

}  // namespace assay
