#ifndef ASSAY_AGENT_COMPLETION_POSTGRES_SESSION_H_
#define ASSAY_AGENT_COMPLETION_POSTGRES_SESSION_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <atomic>
#include <string>
#include <vector>

#include "agent/completion/watched_runs.h"
#include "collect/postgres_client.h"
#include "common/descriptor.h"

namespace assay {

// The target's own database as completion asks it: one query, and notifications between two of them. Blocks its caller,
// for a bounded time; a connection that is lost is made anew by the next call. One thread at a time, but for Interrupt.
class PostgresSession {
 public:
  // `query`: see Completion.Postgres. `listen`: empty: no channel.
  PostgresSession(std::string url, std::string query, std::string listen);

  // What the query says of these ids; each with the instants around it. `addresses` of the url's hosts, for when it
  // connects; none: as before.
  absl::StatusOr<std::vector<RunSeen>> Ask(const std::vector<std::string>& ids, PostgresPlace::Addresses addresses);
  // Takes what the server sent meanwhile: whether a notification was in it. An error: the connection is lost.
  absl::StatusOr<bool> Notified();
  // Readable when Notified has something to take; -1: there is no connection.
  int socket() const;
  // Any thread. Ends what blocks, now and later, with an error.
  void Interrupt();

 private:
  absl::Status Connect();

  const std::string query_;
  const std::string listen_;
  std::atomic<bool> interrupted_ = false;
  Descriptor wake_;  // readable once Interrupt was called
  PostgresClient client_;
};

}  // namespace assay

#endif  // ASSAY_AGENT_COMPLETION_POSTGRES_SESSION_H_
