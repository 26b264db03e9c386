#ifndef ASSAY_TESTS_UNIT_AGENT_WORKFLOW_API_H_
#define ASSAY_TESTS_UNIT_AGENT_WORKFLOW_API_H_

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "request_server.h"

namespace assay {

// The API of a workflow manager, as a test wants it to behave: POST /runs starts one and gives its id, GET asks for
// states.
class WorkflowApi {
 public:
  // What GET of a path (with its query) is answered with, status line and body; of `looks` so far, this one included.
  struct Answer {
    std::string body;
    std::string status = "200 OK";
  };
  using Get = std::function<Answer(const std::string& path, int looks)>;
  explicit WorkflowApi(Get get)
      : get_(std::move(get)), server_([this](int fd, const std::string& request) { return Take(fd, request); }) {}

  std::string Url(const std::string& path) const { return server_.Url(path); }
  int looks() const { return looks_; }
  int started() const { return started_; }
  std::string last_request() const {
    const std::lock_guard lock(mutex_);
    return last_request_;
  }

  std::atomic<int> status_of_start = 200;

 private:
  bool Take(int fd, const std::string& request) {
    Answer answer;
    const std::string method = request.substr(0, request.find(' '));
    const std::string path = request.substr(method.size() + 1, request.find(" HTTP") - method.size() - 1);
    {
      const std::lock_guard lock(mutex_);
      last_request_ = request;
    }
    if (method == "POST") {
      answer.status = std::to_string(status_of_start) + " So";
      answer.body = R"({"run_id": "run )" + std::to_string(started_++) + "\"}";
    } else {
      answer = get_(path, ++looks_);
    }
    Say(fd, "HTTP/1.1 " + answer.status + "\r\nContent-Length: " + std::to_string(answer.body.size()) + "\r\n\r\n" +
                answer.body);
    return true;
  }

  const Get get_;
  mutable std::mutex mutex_;
  std::string last_request_;
  std::atomic<int> looks_ = 0;
  std::atomic<int> started_ = 0;
  RequestServer server_;  // last: its threads use the others
};

}  // namespace assay

#endif  // ASSAY_TESTS_UNIT_AGENT_WORKFLOW_API_H_
