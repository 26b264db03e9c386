#ifndef ASSAY_COORDINATOR_SERVER_H_
#define ASSAY_COORDINATOR_SERVER_H_

#include <absl/status/statusor.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "coordinator/scheduler.h"

namespace assay {

// A whole coordinator: schema, lease, threads and the two services on one port.
class Server {
 public:
  struct Options {
    std::string database_url;
    std::string listen;             // ADDRESS:PORT, port 0 takes any
    int64_t lease_ttl_ms = 10'000;  // of the right to be the database's coordinator
    std::string secrets_directory;  // see Secrets; empty: the environment alone
    Scheduler::Options scheduler;
  };

  // Waits while another coordinator holds the database; Cancelled once `stop` becomes true meanwhile. `fatal` is
  // called, from another thread, when this one must not go on. FailedPrecondition, Unavailable and so on are the
  // database's; ResourceExhausted: port in use.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const Options& options, const std::atomic<bool>& stop,
                                                       std::function<void(const absl::Status&)> fatal);
  // Tells nobody anything: agents keep what they have until a coordinator is back. Lets the next coordinator in at
  // once.
  ~Server();

  const std::string& address() const;  // host:port, as served

 private:
  struct Parts;
  explicit Server(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace assay

#endif  // ASSAY_COORDINATOR_SERVER_H_
