#ifndef ASSAY_TESTS_UNIT_AGENT_REQUEST_SERVER_H_
#define ASSAY_TESTS_UNIT_AGENT_REQUEST_SERVER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace assay {

// Reads HTTP/1.1 requests, on a thread per connection, and lets a test write whatever it likes in answer.
class RequestServer {
 public:
  // Gets the whole request, head and body. False closes the connection.
  using Answer = std::function<bool(int fd, const std::string& request)>;

  enum class Loopback { kV4, kV6 };
  explicit RequestServer(Answer answer, Loopback on = Loopback::kV4);  // on a free port of it
  RequestServer(const std::string& unix_socket, Answer answer);
  ~RequestServer();

  std::string Url(const std::string& path) const {
    return std::string("http://") + (v6_ ? "[::1]:" : "127.0.0.1:") + std::to_string(port_) + path;
  }
  uint16_t port() const { return port_; }
  int connections() const { return accepted_; }

 private:
  void Accept();
  void Serve(int fd);

  Answer answer_;
  int listener_ = -1;
  uint16_t port_ = 0;
  bool v6_ = false;
  std::atomic<int> accepted_ = 0;
  std::vector<int> fds_;
  std::vector<std::thread> connections_;
  std::thread thread_;
};

// All of it, or until the peer is gone.
void Say(int fd, const std::string& text);
// As an answer, e.g. of status "200 OK".
void SayJson(int fd, const std::string& status, const std::string& json);

}  // namespace assay

#endif  // ASSAY_TESTS_UNIT_AGENT_REQUEST_SERVER_H_
