#ifndef ASSAY_MOCK_LISTENER_H_
#define ASSAY_MOCK_LISTENER_H_

#include <absl/status/statusor.h>

#include <string>

struct evconnlistener;
struct event_base;

namespace assay {

struct Listener {
  evconnlistener* listener;  // an evhttp takes it over
  std::string address;       // with the port it got
};

// ADDRESS:PORT, with a long queue of connections to accept. While no descriptor is free it pauses. Errors name --listen
// and the mend.
absl::StatusOr<Listener> Listen(event_base* base, const std::string& address);

}  // namespace assay

#endif  // ASSAY_MOCK_LISTENER_H_
