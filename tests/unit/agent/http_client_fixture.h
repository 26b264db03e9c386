#ifndef ASSAY_TESTS_UNIT_AGENT_HTTP_CLIENT_FIXTURE_H_
#define ASSAY_TESTS_UNIT_AGENT_HTTP_CLIENT_FIXTURE_H_

#include <gmock/gmock.h>

#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "agent/clients/http/http_client.h"
#include "agent/loop/event_loop.h"
#include "common/nanoseconds.h"
#include "request_server.h"
#include "tests/unit/patience.h"

namespace assay {

// A client on a loop of its own thread, and requests whose answers are waited for.
struct Answer {
  HttpResponse response;
  std::string body;
};

class HttpClientTest : public testing::Test {
 protected:
  template <typename F>
  auto OnLoop(F f) {
    std::packaged_task<decltype(f())()> task(std::move(f));
    auto result = task.get_future();
    loop_.Post([&task] { task(); });
    return result.get();
  }

  void SetUp() override {
    thread_ = std::thread([this] { loop_.Run(); });
    OnLoop([this] { client_ = std::make_unique<HttpClient>(loop_, 16); });
  }
  void TearDown() override {
    OnLoop([this] { client_.reset(); });
    loop_.Stop();
    thread_.join();
  }

  static HttpRequest Get(const std::string& url) {
    HttpRequest request;
    request.url = url;
    request.timeout_ns = kPatience;
    return request;
  }

  // Started on the loop; the future is kept with its answer.
  struct Asked {
    HttpClient::Id id = 0;
    std::future<Answer> answer;
  };
  Asked Start(HttpRequest request) {
    const auto promise = std::make_shared<std::promise<Answer>>();
    const auto body = std::make_shared<std::string>();
    Asked asked{.id = 0, .answer = promise->get_future()};
    const auto shared = std::make_shared<const HttpRequest>(std::move(request));
    asked.id = OnLoop([&] {
      return client_->Start(
          shared, [body](int, std::string_view bytes) { body->append(bytes.substr(0, 1 << 20)); },
          [promise, body](HttpResponse&& response) {
            promise->set_value({std::move(response), std::move(*body)});
          });
    });
    return asked;
  }
  Answer Ask(HttpRequest request) { return Start(std::move(request)).answer.get(); }
  Answer Ask(const std::string& url) { return Ask(Get(url)); }

  EventLoop loop_;
  std::unique_ptr<HttpClient> client_;

 private:
  std::thread thread_;
};

// Answers 200 with this body; the connection goes on.
inline bool Ok(int fd, const std::string& body) {
  Say(fd, "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  return true;
}

}  // namespace assay

#endif  // ASSAY_TESTS_UNIT_AGENT_HTTP_CLIENT_FIXTURE_H_
