#ifndef ASSAY_COLLECT_POSTGRES_CLIENT_H_
#define ASSAY_COLLECT_POSTGRES_CLIENT_H_

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "collect/patience.h"
#include "collect/postgres_place.h"
#include "collect/postgres_rows.h"

struct pg_conn;

namespace assay {

// A connection to a target's PostgreSQL, on the calling thread, that never waits longer than it is told to, but for
// names that nobody has looked up before; any error closes it. Times come as ISO 8601 in UTC.
class PostgresClient {
 public:
  struct Session {
    std::string called;  // in the server's list of its sessions
    bool read_only = false;
    // Readable once the patience's `stop` is set and somebody waits for the end; -1: nobody does.
    int wake_fd = -1;
  };
  PostgresClient(std::string url, Session session) : url_(std::move(url)), session_(std::move(session)) {}
  ~PostgresClient();
  PostgresClient(const PostgresClient&) = delete;
  PostgresClient& operator=(const PostgresClient&) = delete;

  struct Parameter {
    uint32_t type;  // its OID
    std::string text;
  };
  static Parameter TextArray(const std::vector<std::string>& texts);

  // Of the url's hosts, so that connecting looks up no name, which may take longer than any patience.
  void Use(PostgresPlace::Addresses addresses) { addresses_ = std::move(addresses); }

  // Where there is no connection. Unavailable: the server is not there, or asks to come again.
  absl::Status Connect(const Patience& patience);
  // Connects first. One statement that gives rows, or none.
  absl::StatusOr<PostgresRows> Query(const std::string& sql, const std::vector<Parameter>& parameters,
                                     const Patience& patience);
  void Close();
  // For what only one caller wants of libpq; null: there is none.
  pg_conn* connection() const { return connection_; }

 private:
  absl::Status Open(const Patience& patience);
  absl::StatusOr<PostgresRows> Run(const std::string& sql, const std::vector<Parameter>& parameters,
                                   const Patience& patience);
  absl::Status AwaitAnswer(const Patience& patience);
  bool Await(bool for_writing, const Patience& patience) const;
  absl::Status Failed(std::string_view what);  // and closes the connection
  absl::Status GaveUp();

  const std::string url_;
  const Session session_;
  PostgresPlace::Addresses addresses_;  // none: libpq looks names up
  std::string where_;
  pg_conn* connection_ = nullptr;
};

}  // namespace assay

#endif  // ASSAY_COLLECT_POSTGRES_CLIENT_H_
