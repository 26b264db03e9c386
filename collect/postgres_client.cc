#include "collect/postgres_client.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>

#include <array>
#include <string>
#include <utility>

namespace assay {
namespace {

constexpr int kPollMs = 50;
// Reading is all that a collector may do.
constexpr const char* kSession[] = {"SET TimeZone = 'UTC'", "SET DateStyle = 'ISO'", "SET client_encoding = 'UTF8'",
                                    "SET default_transaction_read_only = on"};

// What libpq says on several lines, on one.
std::string Trimmed(std::string_view text) {
  std::string line;
  for (const char c : text) {
    const bool blank = c == '\n' || c == '\t' || c == ' ';
    if (!blank) line += c;
    if (blank && !line.empty() && line.back() != ' ') line += ' ';
  }
  if (line.ends_with(' ')) line.pop_back();
  return line;
}

bool Await(int fd, bool for_writing, const Patience& patience) {
  pollfd one{fd, static_cast<int16_t>(for_writing ? POLLIN | POLLOUT : POLLIN), 0};
  while (!patience.Over()) {
    if (poll(&one, 1, kPollMs) > 0) return true;
  }
  return false;
}

// libpq keeps no SQLSTATE of a refused login, so the words must do.
bool IsForGood(std::string_view what) {
  for (const std::string_view sign : {"authentication failed", "no pg_hba.conf entry", "no password supplied",
                                      "permission denied", "does not exist", "could not translate host name"}) {
    if (what.find(sign) != std::string_view::npos) return true;
  }
  return false;
}

// No connection, no room, deadlocked, shutting down: another look may find it well again.
bool MayPass(std::string_view sqlstate) {
  const std::string_view kind = sqlstate.substr(0, 2);
  return kind == "08" || kind == "53" || kind == "40" || sqlstate.starts_with("57P") || sqlstate == "55P03";
}

}  // namespace

PostgresClient::Rows::Rows(pg_result* result) : result_(result, PQclear) {}
int PostgresClient::Rows::columns() const { return PQnfields(result_.get()); }
int PostgresClient::Rows::size() const { return PQntuples(result_.get()); }
std::string_view PostgresClient::Rows::Name(int column) const { return PQfname(result_.get(), column); }
std::optional<std::string_view> PostgresClient::Rows::Value(int row, int column) const {
  if (PQgetisnull(result_.get(), row, column) != 0) return std::nullopt;
  return std::string_view(PQgetvalue(result_.get(), row, column),
                          static_cast<size_t>(PQgetlength(result_.get(), row, column)));
}

PostgresClient::~PostgresClient() { Close(); }

void PostgresClient::Close() {
  PQfinish(connection_);
  connection_ = nullptr;
}

absl::Status PostgresClient::Failed(std::string_view what) {
  const std::string message =
      fmt::format("PostgreSQL at {}: {}: {}", where_, what,
                  connection_ == nullptr ? "out of memory" : Trimmed(PQerrorMessage(connection_)));
  Close();
  if (IsForGood(message)) return absl::InvalidArgumentError(message + "; correct user, password and host of the url");
  return absl::UnavailableError(message);
}

absl::Status PostgresClient::Connect(const Patience& patience) {
  char* why = nullptr;
  PQconninfoOption* const parsed = PQconninfoParse(url_.c_str(), &why);
  if (parsed == nullptr) {
    const std::string text = why == nullptr ? "out of memory" : Trimmed(why);
    PQfreemem(why);
    return absl::InvalidArgumentError(fmt::format(
        "the collector's url cannot be read: {}; it reads like postgresql://user@host:5432/database", text));
  }
  std::string host;
  std::string port = "5432";
  std::string database;
  for (const PQconninfoOption* option = parsed; option->keyword != nullptr; ++option) {
    if (option->val == nullptr) continue;
    if (std::string_view(option->keyword) == "host") host = option->val;
    if (std::string_view(option->keyword) == "port") port = option->val;
    if (std::string_view(option->keyword) == "dbname") database = option->val;
  }
  PQconninfoFree(parsed);
  where_ = fmt::format("{}:{}/{}", host.empty() ? "the default socket" : host, port, database);

  const std::array<const char*, 3> keys{"dbname", "application_name", nullptr};
  const std::array<const char*, 3> values{url_.c_str(), "assay collector", nullptr};
  connection_ = PQconnectStartParams(keys.data(), values.data(), /*expand_dbname=*/1);
  if (connection_ == nullptr || PQstatus(connection_) == CONNECTION_BAD) return Failed("cannot connect");
  for (PostgresPollingStatusType next = PGRES_POLLING_WRITING; next != PGRES_POLLING_OK;
       next = PQconnectPoll(connection_)) {
    if (next == PGRES_POLLING_FAILED) return Failed("cannot connect");
    if (!Await(PQsocket(connection_), next == PGRES_POLLING_WRITING, patience)) {
      Close();
      return absl::UnavailableError(fmt::format("PostgreSQL at {} did not answer in time", where_));
    }
  }
  PQsetnonblocking(connection_, 1);
  for (const char* setting : kSession) {
    if (const absl::StatusOr<Rows> set = Run(setting, {}, patience); !set.ok()) return set.status();
  }
  return absl::OkStatus();
}

absl::StatusOr<PostgresClient::Rows> PostgresClient::Run(const std::string& sql,
                                                         const std::vector<Parameter>& parameters,
                                                         const Patience& patience) {
  std::vector<Oid> types;
  std::vector<const char*> values;
  for (const Parameter& parameter : parameters) {
    types.push_back(parameter.type);
    values.push_back(parameter.text.c_str());
  }
  if (PQsendQueryParams(connection_, sql.c_str(), static_cast<int>(parameters.size()), types.data(), values.data(),
                        nullptr, nullptr, 0) == 0)
    return Failed("cannot ask");
  while (true) {
    const int unsent = PQflush(connection_);
    if (unsent < 0) return Failed("cannot ask");
    if (unsent == 0 && PQisBusy(connection_) == 0) break;
    if (!Await(PQsocket(connection_), unsent > 0, patience)) {
      // Else the server would go on with a query that nobody waits for.
      if (PGcancel* const cancel = PQgetCancel(connection_)) {
        std::array<char, 256> ignored{};
        PQcancel(cancel, ignored.data(), ignored.size());
        PQfreeCancel(cancel);
      }
      Close();
      return absl::UnavailableError(fmt::format("PostgreSQL at {} did not answer the query in time", where_));
    }
    if (PQconsumeInput(connection_) == 0) return Failed("the connection broke");
  }
  Rows rows(PQgetResult(connection_));
  while (PGresult* const more = PQgetResult(connection_)) PQclear(more);
  const ExecStatusType status = PQresultStatus(rows.result_.get());
  if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) return rows;
  const char* const state = PQresultErrorField(rows.result_.get(), PG_DIAG_SQLSTATE);
  if (state == nullptr) return Failed("the connection broke");
  const std::string message = fmt::format("PostgreSQL at {}: {} (SQLSTATE {})", where_,
                                          Trimmed(PQresultErrorMessage(rows.result_.get())), state);
  Close();
  if (MayPass(state)) return absl::UnavailableError(message);
  return absl::InvalidArgumentError(message + "; correct the collector's query, or the rights of its user");
}

absl::StatusOr<PostgresClient::Rows> PostgresClient::Query(const std::string& sql,
                                                           const std::vector<Parameter>& parameters,
                                                           const Patience& patience) {
  if (connection_ == nullptr) {
    if (absl::Status status = Connect(patience); !status.ok()) return status;
  }
  return Run(sql, parameters, patience);
}

}  // namespace assay
