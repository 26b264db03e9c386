#ifndef ASSAY_STORAGE_CONNECTION_H_
#define ASSAY_STORAGE_CONNECTION_H_

#include <absl/status/status.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace pqxx {
class transaction_base;
}  // namespace pqxx

namespace assay {

// One connection to PostgreSQL, for one thread. Exceptions of libpqxx stop here and become Status:
//   Unavailable        no connection, or it broke (try again: the next transaction connects anew)
//   PermissionDenied   login or rights
//   FailedPrecondition this coordinator's term is over (see Lease), or the server is too old
//   NotFound, InvalidArgument  no such database, or the URL cannot be read
//   ResourceExhausted  the server's disk or connections are used up
//   Internal           any other SQL error; the message names it
class Connection {
 public:
  // `url`: libpq URL or key=value string. `application` shows in pg_stat_activity. Does not connect yet.
  Connection(std::string url, std::string application);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Every transaction then first checks, under a key-share lock, that this term still holds the lease row. 0: no check.
  void FenceWith(int64_t term) { term_ = term; }

  // Runs `body` in one transaction and commits. An exception or a bad status rolls back. Search path is assay, public;
  // time zone UTC. If the connection broke at the COMMIT, Unavailable does not say whether it happened: bodies must be
  // safe to run again.
  absl::Status Transact(const std::function<absl::Status(pqxx::transaction_base&)>& body);

  // "host:port/database" or socket path, without the password: for messages.
  std::string Where() const;
  const std::string& url() const { return url_; }

 private:
  struct Session;  // the libpqxx connection, whose headers stay out of ours
  absl::Status Connect();

  const std::string url_;
  const std::string application_;
  int64_t term_ = 0;
  std::unique_ptr<Session> session_;
};

// Whether the same transaction may succeed later: no connection, no room, or rights that somebody may yet grant.
// Anything else would fail for ever.
bool MayPass(const absl::Status& status);
// The server is there and says that it will take connections soon: it starts, stops or recovers from a crash.
bool IsGettingReady(const absl::Status& status);

// FailedPrecondition if a server of this version (PQserverVersion's number, 150018 for 15.18) is too old for us.
absl::Status CheckServerVersion(int version, const std::string& where);

}  // namespace assay

#endif  // ASSAY_STORAGE_CONNECTION_H_
