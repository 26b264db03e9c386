#ifndef ASSAY_AGENT_CLIENTS_HTTP_PLAIN_POOL_H_
#define ASSAY_AGENT_CLIENTS_HTTP_PLAIN_POOL_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "agent/clients/http/host_names.h"
#include "agent/clients/http/http_messages.h"
#include "agent/clients/http/plain_connection.h"
#include "agent/clients/http/plain_request.h"
#include "agent/loop/event_loop.h"

namespace assay {

// Cleartext HTTP/1.1 over TCP: gives each request a connection, one that was kept or a new one.
class PlainPool {
 public:
  PlainPool(EventLoop& loop, size_t kept, HostNames::Resolve resolve);

  bool Takes(const std::shared_ptr<const HttpRequest>& request) const;
  // As those of HttpClient; ids have their highest bit free.
  uint64_t Start(std::shared_ptr<const HttpRequest> request, HttpReceive receive, HttpEnded ended);
  void Cancel(uint64_t id);
  void CancelAll();
  size_t in_flight() const { return in_flight_; }

 private:
  PlainConnection& Take(const std::string& host_text, int64_t now_ns);
  void Freed(PlainConnection& connection, bool was_idle);

  const size_t kept_;
  PlainConnection::Common common_;
  std::shared_ptr<const PlainRequest> last_;
  size_t in_flight_ = 0;
  std::list<PlainConnection*> idle_;    // open; the one used last is the last, and used first
  std::list<PlainConnection*> closed_;  // and nothing is on them
  std::list<PlainConnection*> busy_;
  std::vector<std::unique_ptr<PlainConnection>> connections_;
};

}  // namespace assay

#endif  // ASSAY_AGENT_CLIENTS_HTTP_PLAIN_POOL_H_
