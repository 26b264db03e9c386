#ifndef ASSAY_AGENT_COMPLETION_POSTGRES_SESSION_H_
#define ASSAY_AGENT_COMPLETION_POSTGRES_SESSION_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agent/completion/watched_runs.h"
#include "common/descriptor.h"

struct pg_conn;
struct pg_result;

namespace assay {

// A connection to the target's own database. Blocks its caller, for a bounded time; a connection that is lost is made
// anew by the next call. One thread at a time, but for Interrupt.
class PostgresSession {
 public:
  // `query`: see Completion.Postgres. `listen`: empty: no channel.
  PostgresSession(std::string url, std::string query, std::string listen);
  ~PostgresSession();

  // What the query says of these ids; each with the instants around it.
  absl::StatusOr<std::vector<RunSeen>> Ask(const std::vector<std::string>& ids);
  // Takes what the server sent meanwhile: whether a notification was in it. An error: the connection is lost.
  absl::StatusOr<bool> Notified();
  // Readable when Notified has something to take; -1: there is no connection.
  int socket() const;
  // Any thread. Ends what blocks, now and later, with an error.
  void Interrupt();

 private:
  struct CloseConnection {
    void operator()(pg_conn* connection) const;
  };
  struct ClearResult {
    void operator()(pg_result* result) const;
  };
  using Result = std::unique_ptr<pg_result, ClearResult>;

  absl::Status Connect();
  absl::StatusOr<Result> Execute(const std::string& query, const char* ids);
  absl::Status Command(const std::string& command);
  absl::Status Wait(short events, int64_t deadline_ns);
  absl::Status Fault(const std::string& doing) const;

  const std::string url_;
  const std::string query_;
  const std::string listen_;
  Descriptor interrupted_;  // readable once Interrupt was called
  std::unique_ptr<pg_conn, CloseConnection> connection_;
};

}  // namespace assay

#endif  // ASSAY_AGENT_COMPLETION_POSTGRES_SESSION_H_
