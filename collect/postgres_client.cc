#include "collect/postgres_client.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>

#include <array>
#include <string>
#include <utility>

#include "common/utf8.h"

namespace assay {
namespace {

constexpr int kPollMs = 50;
constexpr size_t kMostErrorBytes = 1'000;
constexpr Oid kTextArray = 1009;  // pg_type.dat; it never changes
constexpr const char* kTexts[] = {"SET TimeZone = 'UTC'", "SET DateStyle = 'ISO'", "SET client_encoding = 'UTF8'"};

// What libpq says on several lines, on one.
std::string Trimmed(std::string_view text) {
  std::string line;
  for (const char c : text) {
    const bool blank = c == '\n' || c == '\t' || c == ' ';
    if (!blank) line += c;
    if (blank && !line.empty() && line.back() != ' ') line += ' ';
  }
  if (line.ends_with(' ')) line.pop_back();
  return PlainText(line, kMostErrorBytes);
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

PostgresClient::Parameter PostgresClient::TextArray(const std::vector<std::string>& texts) {
  std::string array;
  for (const std::string& text : texts) {
    array += array.empty() ? "\"" : ",\"";
    for (const char c : text) {
      if (c == '"' || c == '\\') array += '\\';
      array += c;
    }
    array += '"';
  }
  return {kTextArray, fmt::format("{{{}}}", array)};
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

// A stop is seen at once where the session has a wake, else within a moment.
bool PostgresClient::Await(bool for_writing, const Patience& patience) const {
  std::array<pollfd, 2> fds{{{PQsocket(connection_), static_cast<int16_t>(for_writing ? POLLIN | POLLOUT : POLLIN), 0},
                             {session_.wake_fd, POLLIN, 0}}};
  while (!patience.Over()) {
    if (poll(fds.data(), fds.size(), kPollMs) > 0 && fds[0].revents != 0) return true;
  }
  return false;
}

absl::Status PostgresClient::GaveUp() {
  // Else the server would go on with a query that nobody waits for. It takes a connection of its own, and so a time
  // that nobody bounds: not where somebody waits.
  PGcancel* const cancel = session_.wake_fd < 0 ? PQgetCancel(connection_) : nullptr;
  if (cancel != nullptr) {
    std::array<char, 256> ignored{};
    PQcancel(cancel, ignored.data(), ignored.size());
    PQfreeCancel(cancel);
  }
  Close();
  return absl::UnavailableError(fmt::format("PostgreSQL at {} did not answer the query in time", where_));
}

absl::Status PostgresClient::Connect(const Patience& patience) {
  if (connection_ != nullptr) return absl::OkStatus();
  if (absl::Status opened = Open(patience); !opened.ok()) return opened;
  PQsetnonblocking(connection_, 1);
  for (const char* setting : kTexts) {
    if (const absl::StatusOr<PostgresRows> set = Run(setting, {}, patience); !set.ok()) return set.status();
  }
  return session_.read_only ? Run("SET default_transaction_read_only = on", {}, patience).status() : absl::OkStatus();
}

absl::Status PostgresClient::Open(const Patience& patience) {
  const absl::StatusOr<PostgresPlace> place = PostgresPlace::Of(url_);
  if (!place.ok()) return place.status();
  where_ = place->Text();
  const PostgresPlace::Resolved resolved = place->With(addresses_);
  std::vector<const char*> keys{"dbname", "application_name"};
  std::vector<const char*> values{url_.c_str(), session_.called.c_str()};
  if (!resolved.addresses.empty()) {
    // Behind the url, whose own they replace; certificates are checked by the hosts' names as before.
    keys.insert(keys.end(), {"host", "hostaddr", "port"});
    values.insert(values.end(), {resolved.hosts.c_str(), resolved.addresses.c_str(), resolved.ports.c_str()});
  }
  keys.push_back(nullptr);
  values.push_back(nullptr);
  connection_ = PQconnectStartParams(keys.data(), values.data(), /*expand_dbname=*/1);
  if (connection_ == nullptr || PQstatus(connection_) == CONNECTION_BAD) return Failed("cannot connect");
  for (PostgresPollingStatusType next = PGRES_POLLING_WRITING; next != PGRES_POLLING_OK;
       next = PQconnectPoll(connection_)) {
    if (next == PGRES_POLLING_FAILED) return Failed("cannot connect");
    if (!Await(next == PGRES_POLLING_WRITING, patience)) {
      Close();
      return absl::UnavailableError(fmt::format("PostgreSQL at {} did not answer in time", where_));
    }
  }
  return absl::OkStatus();
}

// Until a result can be taken.
absl::Status PostgresClient::AwaitAnswer(const Patience& patience) {
  while (true) {
    const int unsent = PQflush(connection_);
    if (unsent < 0) return Failed("cannot ask");
    if (unsent == 0 && PQisBusy(connection_) == 0) return absl::OkStatus();
    if (!Await(unsent > 0, patience)) return GaveUp();
    if (PQconsumeInput(connection_) == 0) return Failed("the connection broke");
  }
}

absl::StatusOr<PostgresRows> PostgresClient::Run(const std::string& sql, const std::vector<Parameter>& parameters,
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
  PostgresRows rows;
  while (true) {
    if (absl::Status ready = AwaitAnswer(patience); !ready.ok()) return ready;
    PGresult* const result = PQgetResult(connection_);
    if (result == nullptr) break;
    rows.result_ = std::shared_ptr<pg_result>(result, PQclear);
    const ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COPY_IN && status != PGRES_COPY_OUT && status != PGRES_COPY_BOTH) continue;
    Close();
    return absl::InvalidArgumentError(fmt::format("PostgreSQL at {}: the query copies; it must select", where_));
  }
  const ExecStatusType status = PQresultStatus(rows.result_.get());
  if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) return rows;
  const char* const state = PQresultErrorField(rows.result_.get(), PG_DIAG_SQLSTATE);
  if (state == nullptr) return Failed("the connection broke");
  const std::string message = fmt::format("PostgreSQL at {}: {} (SQLSTATE {})", where_,
                                          Trimmed(PQresultErrorMessage(rows.result_.get())), state);
  Close();
  if (MayPass(state)) return absl::UnavailableError(message);
  return absl::InvalidArgumentError(message + "; correct the query, or the rights of its user");
}

absl::StatusOr<PostgresRows> PostgresClient::Query(const std::string& sql, const std::vector<Parameter>& parameters,
                                                   const Patience& patience) {
  if (absl::Status status = Connect(patience); !status.ok()) return status;
  return Run(sql, parameters, patience);
}

}  // namespace assay
