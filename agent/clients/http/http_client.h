#ifndef ASSAY_AGENT_CLIENTS_HTTP_HTTP_CLIENT_H_
#define ASSAY_AGENT_CLIENTS_HTTP_HTTP_CLIENT_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "agent/clients/http/host_names.h"
#include "agent/clients/http/http_messages.h"
#include "agent/loop/event_loop.h"

namespace assay {

// HTTP on the event loop, on connections that are kept alive. Cleartext HTTP/1.1 over TCP goes a lean way of its own
// (PlainPool), all else over libcurl (CurlTransfers), which was a third of a load generator's time and takes 26 KB for
// each request in flight. Everything happens on the loop's thread; nothing blocks it.
class HttpClient {
 public:
  // `connections`: kept alive at most. `resolve`: of the lean path's names.
  HttpClient(EventLoop& loop, size_t connections, HostNames::Resolve resolve = &HostNames::AsThisHostDoes);
  ~HttpClient();  // what is in flight is dropped, `ended` is not called

  using Id = uint64_t;
  // `ended` is called once, later or within this call; it may start others. One request may be started any number of
  // times, which costs less than as many equal ones.
  Id Start(std::shared_ptr<const HttpRequest> request, HttpReceive receive, HttpEnded ended);
  void Cancel(Id id);  // ends it now, as kCancelled; one that has ended is fine
  // Ends all that is in flight, as kCancelled; what their `ended` starts ends so at once, before a byte of it is sent.
  void CancelAll();

  size_t in_flight() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace assay

#endif  // ASSAY_AGENT_CLIENTS_HTTP_HTTP_CLIENT_H_
