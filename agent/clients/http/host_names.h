#ifndef ASSAY_AGENT_CLIENTS_HTTP_HOST_NAMES_H_
#define ASSAY_AGENT_CLIENTS_HTTP_HOST_NAMES_H_

#include <absl/container/flat_hash_map.h>
#include <absl/status/statusor.h>
#include <sys/socket.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/loop/event_loop.h"

namespace assay {

// The addresses of hosts, looked up on a thread of its own, for getaddrinfo blocks; what was found is kept for a
// minute. Loop's thread only.
class HostNames {
 public:
  struct Address {
    sockaddr_storage socket = {};  // without a port
    socklen_t length = 0;
    std::string Text() const;
    void SetPort(uint16_t port);
  };
  using Addresses = std::shared_ptr<const std::vector<Address>>;  // never empty
  using Found = std::function<void(const absl::StatusOr<Addresses>&)>;

  // The addresses of a host, in the order in which they are to be tried; may block, is called on the thread.
  using Resolve = std::function<absl::StatusOr<Addresses>(const std::string& host)>;

  HostNames(EventLoop& loop, Resolve resolve);
  static absl::StatusOr<Addresses> AsThisHostDoes(const std::string& host);
  ~HostNames();  // waits for nothing; nobody is told any more

  // A name or a literal address, IPv6 without brackets. `found` is called once, within this call if it is known.
  void Find(const std::string& host, Found found);

 private:
  struct Known {
    Addresses addresses;
    int64_t until_ns = 0;
  };
  struct Shared;
  static void LookUp(const std::shared_ptr<Shared>& shared);
  void Keep(const std::string& host, const Addresses& addresses);
  void Answered(const std::string& host, const absl::StatusOr<Addresses>& addresses);

  EventLoop& loop_;
  const Resolve resolve_;
  absl::flat_hash_map<std::string, Known> known_;
  absl::flat_hash_map<std::string, std::vector<Found>> waiting_;
  std::shared_ptr<Shared> shared_;  // with the thread; null before the first name
};

}  // namespace assay

#endif  // ASSAY_AGENT_CLIENTS_HTTP_HOST_NAMES_H_
