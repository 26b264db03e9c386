#include "request_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <utility>

namespace assay {

RequestServer::RequestServer(Answer answer, Loopback on)
    : answer_(std::move(answer)),
      listener_(socket(on == Loopback::kV6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
      v6_(on == Loopback::kV6) {
  sockaddr_in6 address{};
  auto* const v4 = reinterpret_cast<sockaddr_in*>(&address);  // has its port at the same place
  socklen_t length = v6_ ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  address.sin6_family = v6_ ? AF_INET6 : AF_INET;
  if (v6_) address.sin6_addr = in6addr_loopback;
  if (!v6_) v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), length), 0);
  EXPECT_EQ(listen(listener_, 4096), 0);
  getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
  port_ = ntohs(address.sin6_port);
  thread_ = std::thread([this] { Accept(); });
}

RequestServer::RequestServer(const std::string& unix_socket, Answer answer)
    : answer_(std::move(answer)), listener_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, unix_socket.c_str(), sizeof(address.sun_path) - 1);
  EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  EXPECT_EQ(listen(listener_, 4096), 0);
  thread_ = std::thread([this] { Accept(); });
}

RequestServer::~RequestServer() {
  shutdown(listener_, SHUT_RDWR);
  thread_.join();
  for (const int fd : fds_) shutdown(fd, SHUT_RDWR);
  for (std::thread& connection : connections_) connection.join();
  for (const int fd : fds_) close(fd);
  close(listener_);
}

void RequestServer::Accept() {
  while (true) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    ++accepted_;
    fds_.push_back(fd);
    connections_.emplace_back([this, fd] { Serve(fd); });
  }
}

void RequestServer::Serve(int fd) {
  std::string pending;
  std::array<char, 65536> buffer{};
  while (true) {
    const size_t head = pending.find("\r\n\r\n");
    if (head != std::string::npos) {
      size_t body = 0;
      if (const size_t at = pending.find("Content-Length: "); at < head) body = std::stoul(pending.substr(at + 16, 20));
      const size_t whole = head + 4 + body;
      if (pending.size() >= whole) {
        const bool again = answer_(fd, pending.substr(0, whole));
        pending.erase(0, whole);
        if (again) continue;
        shutdown(fd, SHUT_RDWR);
        return;
      }
    }
    const ssize_t n = read(fd, buffer.data(), buffer.size());
    if (n <= 0) return;
    pending.append(buffer.data(), static_cast<size_t>(n));
  }
}

void Say(int fd, const std::string& text) {
  size_t sent = 0;
  while (sent < text.size()) {
    const ssize_t n = send(fd, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) return;
    sent += static_cast<size_t>(n);
  }
}

void SayJson(int fd, const std::string& status, const std::string& json) {
  Say(fd, "HTTP/1.1 " + status + "\r\nContent-Type: application/json\r\nContent-Length: " +
              std::to_string(json.size()) + "\r\n\r\n" + json);
}

}  // namespace assay
