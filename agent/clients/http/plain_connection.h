#ifndef ASSAY_AGENT_CLIENTS_HTTP_PLAIN_CONNECTION_H_
#define ASSAY_AGENT_CLIENTS_HTTP_PLAIN_CONNECTION_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "agent/clients/http/host_names.h"
#include "agent/clients/http/http_messages.h"
#include "agent/clients/http/plain_answer.h"
#include "agent/clients/http/plain_request.h"
#include "agent/loop/event_loop.h"

namespace assay {

// A TCP connection and the one request that is on it: resolves, connects, sends, reads, gives up at its limits. Kept
// open between two requests where both sides agree; one whose server closes it then is closed at once.
class PlainConnection {
 public:
  // What all connections of a pool have in common.
  struct Common {
    EventLoop& loop;
    HostNames names;
    std::vector<char> buffer;  // what was read and not yet parsed: never longer than a call
    // Nothing is on it any more, and it is open or not; or it was idle, and is closed now.
    std::function<void(PlainConnection&, bool was_idle)> freed;
  };

  PlainConnection(Common& common, uint32_t slot) : common_(common), slot_(slot) {}
  ~PlainConnection();
  PlainConnection(const PlainConnection&) = delete;
  PlainConnection& operator=(const PlainConnection&) = delete;

  // Nothing is on it, and if it is open, then to the request's host.
  void Start(std::shared_ptr<const PlainRequest> request, HttpReceive receive, HttpEnded ended, int64_t now_ns);
  void Cancel();
  void Close();  // nothing is on it

  uint32_t slot() const { return slot_; }
  uint32_t uses() const { return uses_; }  // how many requests were on it
  bool busy() const { return state_ != State::kClosed && state_ != State::kIdle; }
  bool idle() const { return state_ == State::kIdle; }
  const std::string& host_text() const { return host_text_; }
  // Of an idle one: whether the server has neither closed it nor sent what nobody asked for, as far as is known here.
  bool Usable(int64_t now_ns) const;

  std::list<PlainConnection*>::iterator place;  // the pool's: in its list of idle ones

 private:
  enum class State : uint8_t { kClosed, kResolving, kConnecting, kOnRequest, kIdle };

  void Connect();
  void NextAddress(int error);
  void Write();
  bool WriteSome();
  void Read();
  void WatchFor(uint32_t events);
  void Ready(uint32_t events);
  void Lost(int error);
  void Fail(std::string why);
  void End(HttpResponse::End how, std::string error, bool keep);
  NextHttpLimit NextLimit() const;
  void Arm();
  void LimitReached();
  bool connected() const { return state_ == State::kOnRequest; }
  size_t Whole() const { return request_->head().size() + request_->body().size(); }

  Common& common_;
  const uint32_t slot_;
  uint32_t uses_ = 0;
  int fd_ = -1;
  State state_ = State::kClosed;
  bool was_open_ = false;  // when the request came
  uint32_t watched_ = 0;
  int64_t idle_since_ns_ = 0;
  std::string host_text_;

  std::shared_ptr<const PlainRequest> request_;
  HttpReceive receive_;
  HttpEnded ended_;
  HttpResponse response_;
  size_t sent_ = 0;  // of head and body
  bool sends_no_more_ = false;
  PlainAnswer answer_;

  HostNames::Addresses addresses_;
  size_t address_ = 0;    // that is tried
  std::string refusals_;  // of those before it

  EventLoop::TimerId timer_ = 0;
  int64_t timer_ns_ = 0;
};

}  // namespace assay

#endif  // ASSAY_AGENT_CLIENTS_HTTP_PLAIN_CONNECTION_H_
