#ifndef ASSAY_COLLECT_POSTGRES_PLACE_H_
#define ASSAY_COLLECT_POSTGRES_PLACE_H_

#include <absl/status/statusor.h>

#include <map>
#include <string>
#include <vector>

namespace assay {

// Where a target's PostgreSQL is, as a url of libpq's tells: one host, or several that are tried in turn.
class PostgresPlace {
 public:
  // Numeric, by the name of the host.
  using Addresses = std::map<std::string, std::vector<std::string>>;
  // Three lists of libpq's, an entry for each address; empty: the url is enough.
  struct Resolved {
    std::string hosts;
    std::string addresses;
    std::string ports;
  };

  // InvalidArgument: the url is none.
  static absl::StatusOr<PostgresPlace> Of(const std::string& url);

  // Host, port and database, without user and password.
  std::string Text() const;
  // Hosts that libpq would look up while it connects, which blocks for as long as a name server takes. None where the
  // url has addresses, sockets or a service, whose file libpq reads.
  std::vector<std::string> Names() const;
  // All hosts with these in place of their names; a name without any is left out.
  Resolved With(const Addresses& addresses) const;

 private:
  struct Host {
    std::string name;
    std::string port;
  };
  std::vector<Host> hosts_;
  std::string database_;
  bool libpq_knows_ = false;
};

}  // namespace assay

#endif  // ASSAY_COLLECT_POSTGRES_PLACE_H_
