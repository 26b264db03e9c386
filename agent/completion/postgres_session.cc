#include "agent/completion/postgres_session.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "common/clock.h"
#include "common/utf8.h"

namespace assay {
namespace {

constexpr int64_t kConnectNs = 10'000'000'000;
constexpr int64_t kQueryNs = 30'000'000'000;
constexpr Oid kTextArray = 1009;
constexpr size_t kMostErrorBytes = 500;

// {"a","b"}: what PostgreSQL reads as text[].
std::string ArrayOf(const std::vector<std::string>& texts) {
  std::string array = "{";
  for (const std::string& text : texts) {
    if (array.size() > 1) array += ',';
    array += '"';
    for (const char c : text) {
      if (c == '"' || c == '\\') array += '\\';
      array += c;
    }
    array += '"';
  }
  return array + "}";
}

std::string OneLine(const char* message) {
  std::string text = message == nullptr ? "" : message;
  while (text.ends_with('\n')) text.pop_back();
  std::replace(text.begin(), text.end(), '\n', ' ');
  return PlainText(text, kMostErrorBytes);
}

}  // namespace

void PostgresSession::CloseConnection::operator()(pg_conn* connection) const { PQfinish(connection); }
void PostgresSession::ClearResult::operator()(pg_result* result) const { PQclear(result); }

PostgresSession::PostgresSession(std::string url, std::string query, std::string listen)
    : url_(std::move(url)),
      query_(std::move(query)),
      listen_(std::move(listen)),
      interrupted_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

PostgresSession::~PostgresSession() = default;

int PostgresSession::socket() const { return connection_ ? PQsocket(connection_.get()) : -1; }

void PostgresSession::Interrupt() { eventfd_write(interrupted_.get(), 1); }

absl::Status PostgresSession::Fault(const std::string& doing) const {
  return absl::UnavailableError(
      fmt::format("completion.postgres: {}: {}", doing, OneLine(PQerrorMessage(connection_.get()))));
}

absl::Status PostgresSession::Wait(short events, int64_t deadline_ns) {
  while (true) {
    std::array<pollfd, 2> fds{{{PQsocket(connection_.get()), events, 0}, {interrupted_.get(), POLLIN, 0}}};
    const int64_t left_ms = (deadline_ns - MonotonicNs()) / 1'000'000;
    if (left_ms <= 0) return absl::DeadlineExceededError("completion.postgres: the server does not answer");
    const int ready = poll(fds.data(), fds.size(), static_cast<int>(left_ms));
    if (ready < 0 && errno != EINTR) return absl::UnavailableError(std::strerror(errno));
    if (fds[1].revents != 0) return absl::CancelledError("interrupted");
    if (ready > 0 && fds[0].revents != 0) return absl::OkStatus();
  }
}

absl::Status PostgresSession::Connect() {
  if (connection_ && PQstatus(connection_.get()) == CONNECTION_OK) return absl::OkStatus();
  connection_.reset(PQconnectStart(url_.c_str()));
  const int64_t deadline_ns = MonotonicNs() + kConnectNs;
  absl::Status status;
  for (PostgresPollingStatusType wants = PGRES_POLLING_WRITING; status.ok() && wants != PGRES_POLLING_OK;) {
    if (PQstatus(connection_.get()) == CONNECTION_BAD || wants == PGRES_POLLING_FAILED) {
      status = Fault("cannot connect");
    } else if (status = Wait(wants == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline_ns); status.ok()) {
      wants = PQconnectPoll(connection_.get());
    }
  }
  if (status.ok()) {
    PQsetnonblocking(connection_.get(), 1);
    // Instants of the query come with a zone, and as ISO 8601.
    status = Command("SET TimeZone = 'UTC'; SET DateStyle = 'ISO'");
  }
  if (status.ok() && !listen_.empty()) {
    char* const channel = PQescapeIdentifier(connection_.get(), listen_.data(), listen_.size());
    status = channel == nullptr ? Fault("listen") : Command(fmt::format("LISTEN {}", channel));
    PQfreemem(channel);
  }
  if (!status.ok()) connection_.reset();
  return status;
}

// With ids one statement, with its only parameter.
absl::StatusOr<PostgresSession::Result> PostgresSession::Execute(const std::string& query, const char* ids) {
  pg_conn* const connection = connection_.get();
  const int sent = ids == nullptr
                       ? PQsendQuery(connection, query.c_str())
                       : PQsendQueryParams(connection, query.c_str(), 1, &kTextArray, &ids, nullptr, nullptr, 0);
  if (sent == 0) return Fault("cannot ask");
  const int64_t deadline_ns = MonotonicNs() + kQueryNs;
  for (int left = 1; left == 1;) {
    left = PQflush(connection);
    if (left < 0) return Fault("cannot ask");
    if (absl::Status ready = left == 1 ? Wait(POLLIN | POLLOUT, deadline_ns) : absl::OkStatus(); !ready.ok())
      return ready;
    if (left == 1 && PQconsumeInput(connection) == 0) return Fault("cannot ask");
  }
  Result last;
  bool failed = false;
  while (true) {
    while (PQisBusy(connection) != 0) {
      if (absl::Status ready = Wait(POLLIN, deadline_ns); !ready.ok()) return ready;
      if (PQconsumeInput(connection) == 0) return Fault("the connection is lost");
    }
    Result result(PQgetResult(connection));
    if (!result) return last;
    const ExecStatusType state = PQresultStatus(result.get());
    if (state == PGRES_COPY_IN || state == PGRES_COPY_OUT || state == PGRES_COPY_BOTH)
      return absl::InvalidArgumentError("completion.postgres.query copies; it must select");
    if (failed) continue;
    failed = state == PGRES_FATAL_ERROR || state == PGRES_BAD_RESPONSE;
    last = std::move(result);
  }
}

absl::Status PostgresSession::Command(const std::string& command) {
  const absl::StatusOr<Result> answer = Execute(command, nullptr);
  if (!answer.ok()) return answer.status();
  const std::string why = OneLine(PQresultErrorMessage(answer->get()));
  return why.empty() ? absl::OkStatus()
                     : absl::UnavailableError(fmt::format("completion.postgres: {}: {}", command, why));
}

absl::StatusOr<std::vector<RunSeen>> PostgresSession::Ask(const std::vector<std::string>& ids) {
  if (absl::Status connected = Connect(); !connected.ok()) return connected;
  const int64_t asked_ns = MonotonicNs();
  absl::StatusOr<Result> answer = Execute(query_, ArrayOf(ids).c_str());
  const int64_t seen_ns = MonotonicNs();
  if (!answer.ok()) {
    // What it sends later would be taken for the answer to another question.
    connection_.reset();
    return answer.status();
  }
  const pg_result* const rows = answer->get();
  if (PQresultStatus(rows) != PGRES_TUPLES_OK) {
    const std::string why = OneLine(PQresultErrorMessage(rows));
    return absl::InvalidArgumentError(
        fmt::format("completion.postgres.query: {}", why.empty() ? "it gives no rows; it must select" : why));
  }
  const int id = PQfnumber(rows, "id");
  const int state = PQfnumber(rows, "state");
  const int finished = PQfnumber(rows, "finished");
  if (id < 0 || state < 0) {
    return absl::InvalidArgumentError(
        fmt::format("completion.postgres.query has no column '{}'; name it with AS", id < 0 ? "id" : "state"));
  }
  std::vector<RunSeen> seen;
  seen.reserve(static_cast<size_t>(PQntuples(rows)));
  for (int row = 0; row < PQntuples(rows); ++row) {
    RunSeen& run = seen.emplace_back();
    run.id = PQgetvalue(rows, row, id);
    run.state = PQgetvalue(rows, row, state);
    if (finished >= 0) run.finished = PQgetvalue(rows, row, finished);
    run.asked_ns = asked_ns;
    run.seen_ns = seen_ns;
  }
  return seen;
}

absl::StatusOr<bool> PostgresSession::Notified() {
  if (!connection_) return absl::UnavailableError("there is no connection");
  if (PQconsumeInput(connection_.get()) == 0) {
    const absl::Status lost = Fault("the connection is lost");
    connection_.reset();
    return lost;
  }
  bool notified = false;
  while (PGnotify* const one = PQnotifies(connection_.get())) {
    notified = true;
    PQfreemem(one);
  }
  return notified;
}

}  // namespace assay
