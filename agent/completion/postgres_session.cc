#include "agent/completion/postgres_session.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <sys/eventfd.h>

#include <utility>

#include "common/clock.h"

namespace assay {
namespace {

constexpr int64_t kConnectNs = 10'000'000'000;
constexpr int64_t kQueryNs = 30'000'000'000;

absl::Status Of(const char* key, const absl::Status& status) {
  return absl::Status(status.code(), fmt::format("{}: {}", key, std::string(status.message())));
}

}  // namespace

PostgresSession::PostgresSession(std::string url, std::string query, std::string listen)
    : query_(std::move(query)),
      listen_(std::move(listen)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      client_(std::move(url), {.called = "assay completion", .wake_fd = wake_.get()}) {}

int PostgresSession::socket() const { return client_.connection() == nullptr ? -1 : PQsocket(client_.connection()); }

void PostgresSession::Interrupt() {
  interrupted_ = true;
  eventfd_write(wake_.get(), 1);
}

absl::Status PostgresSession::Connect() {
  if (client_.connection() != nullptr) return absl::OkStatus();
  const Patience patience{interrupted_, MonotonicNs() + kConnectNs};
  if (absl::Status connected = client_.Connect(patience); !connected.ok()) return connected;
  if (listen_.empty()) return absl::OkStatus();
  char* const channel = PQescapeIdentifier(client_.connection(), listen_.data(), listen_.size());
  const std::string command = fmt::format("LISTEN {}", channel == nullptr ? "" : channel);
  PQfreemem(channel);
  return client_.Query(command, {}, patience).status();
}

absl::StatusOr<std::vector<RunSeen>> PostgresSession::Ask(const std::vector<std::string>& ids,
                                                          PostgresPlace::Addresses addresses) {
  if (!addresses.empty()) client_.Use(std::move(addresses));
  if (absl::Status connected = Connect(); !connected.ok()) return Of("completion.postgres", connected);
  const int64_t asked_ns = MonotonicNs();
  const absl::StatusOr<PostgresRows> rows =
      client_.Query(query_, {PostgresClient::TextArray(ids)}, {interrupted_, asked_ns + kQueryNs});
  const int64_t seen_ns = MonotonicNs();
  if (!rows.ok()) return Of("completion.postgres.query", rows.status());
  if (rows->columns() == 0)
    return absl::InvalidArgumentError("completion.postgres.query gives no rows; it must select");
  const int id = rows->Column("id");
  const int state = rows->Column("state");
  const int finished = rows->Column("finished");
  if (id < 0 || state < 0) {
    return absl::InvalidArgumentError(
        fmt::format("completion.postgres.query has no column '{}'; name it with AS", id < 0 ? "id" : "state"));
  }
  std::vector<RunSeen> seen;
  seen.reserve(static_cast<size_t>(rows->size()));
  for (int row = 0; row < rows->size(); ++row) {
    RunSeen& run = seen.emplace_back();
    run.id = rows->Value(row, id).value_or("");
    run.state = rows->Value(row, state).value_or("");
    if (finished >= 0) run.finished = rows->Value(row, finished).value_or("");
    if (finished >= 0 && run.finished.empty()) {
      run.no_instant =
          "finished: the query gives none of a run that has ended: give it the instant of the end, without which a run "
          "ends when a look sees it";
    }
    run.asked_ns = asked_ns;
    run.seen_ns = seen_ns;
  }
  return seen;
}

absl::StatusOr<bool> PostgresSession::Notified() {
  pg_conn* const connection = client_.connection();
  if (connection == nullptr) return absl::UnavailableError("there is no connection");
  if (PQconsumeInput(connection) == 0) {
    client_.Close();
    return absl::UnavailableError("completion.postgres: the connection is lost");
  }
  bool notified = false;
  while (PGnotify* const one = PQnotifies(connection)) {
    notified = true;
    PQfreemem(one);
  }
  return notified;
}

}  // namespace assay
