#include "storage/connection.h"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <map>
#include <pqxx/pqxx>
#include <string_view>
#include <utility>

#include "storage/postgres_programs.h"

namespace assay {
namespace {

constexpr char kSessionSettings[] =
    "SET search_path = assay, public; SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET bytea_output = 'hex'; "
    // A coordinator that hangs inside a transaction must not keep the next one from taking the lease over.
    "SET idle_in_transaction_session_timeout = '60s'";

// The options that a URL or key=value string spells out; empty where libpq cannot read it.
std::map<std::string, std::string> ParsedOptions(const std::string& url, std::string* error) {
  std::map<std::string, std::string> options;
  char* message = nullptr;
  PQconninfoOption* parsed = PQconninfoParse(url.c_str(), &message);
  if (parsed == nullptr) {
    if (error != nullptr) *error = message == nullptr ? "out of memory" : message;
    PQfreemem(message);
    return options;
  }
  for (const PQconninfoOption* option = parsed; option->keyword != nullptr; ++option) {
    if (option->val != nullptr) options[option->keyword] = option->val;
  }
  PQconninfoFree(parsed);
  return options;
}

std::string KeyValueString(const std::map<std::string, std::string>& options) {
  std::string text;
  for (const auto& [key, value] : options) {
    text += fmt::format("{}='", key);
    for (const char c : value) {
      if (c == '\'' || c == '\\') text += '\\';
      text += c;
    }
    text += "' ";
  }
  return text;
}

std::string Trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

bool Contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

// libpqxx 6 keeps no SQLSTATE of a failed login, so the words must do; where the server speaks another language it is
// Unavailable.
absl::Status ConnectError(const std::string& where, const std::string& what) {
  const std::string message = fmt::format("cannot connect to PostgreSQL at {}: {}", where, Trimmed(what));
  if (Contains(what, "too many clients") || Contains(what, "connection slots")) {
    return absl::ResourceExhaustedError(message + "; raise max_connections there");
  }
  if (Contains(what, "authentication failed") || Contains(what, "no pg_hba.conf entry") ||
      Contains(what, "no password supplied") || Contains(what, "permission denied for database") ||
      (Contains(what, "role \"") && Contains(what, "does not exist"))) {
    return absl::PermissionDeniedError(message + "; check user and password of the URL");
  }
  if (Contains(what, "database \"") && Contains(what, "does not exist")) {
    return absl::NotFoundError(message + "; make it with createdb, or correct the URL");
  }
  return absl::UnavailableError(message);
}

absl::Status SqlError(const std::string& where, bool open, const pqxx::sql_error& e) {
  const std::string& state = e.sqlstate();
  const std::string_view kind = std::string_view(state).substr(0, 2);
  const std::string message = fmt::format("PostgreSQL at {}: {}{}", where, Trimmed(e.what()),
                                          state.empty() ? "" : fmt::format(" (SQLSTATE {})", state));
  // libpqxx 6 gives these two a class of their own, and then drops the SQLSTATE.
  if (dynamic_cast<const pqxx::insufficient_privilege*>(&e) != nullptr || kind == "28" || state == "42501")
    return absl::PermissionDeniedError(message);
  if (dynamic_cast<const pqxx::insufficient_resources*>(&e) != nullptr || kind == "53")
    return absl::ResourceExhaustedError(message);
  if (state == "25006")
    return absl::FailedPreconditionError(message + "; it is read-only, give the URL of the primary server");
  // Shut down, deadlocked, gave up waiting, or the connection broke: the same transaction may succeed later.
  const bool passing =
      !open || kind == "08" || kind == "40" || state.starts_with("57P") || state == "55P03" || state == "25P03";
  return passing ? absl::UnavailableError(message) : absl::InternalError(message);
}

}  // namespace

struct Connection::Session {
  explicit Session(const std::string& options) : connection(options) {}
  pqxx::connection connection;
};

Connection::Connection(std::string url, std::string application)
    : url_(std::move(url)), application_(std::move(application)) {}
Connection::~Connection() = default;

bool MayPass(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsResourceExhausted(status) || absl::IsPermissionDenied(status);
}

bool IsGettingReady(const absl::Status& status) {
  return absl::IsUnavailable(status) && Contains(std::string(status.message()), "the database system is ");
}

absl::Status CheckServerVersion(int version, const std::string& where) {
  if (version >= kOldestPostgres * 10'000) return absl::OkStatus();
  return absl::FailedPreconditionError(fmt::format("PostgreSQL at {} is version {}.{}; Assay needs {} or later", where,
                                                   version / 10'000, version % 10'000, kOldestPostgres));
}

absl::Status Connection::Connect() {
  std::string error;
  std::map<std::string, std::string> options = ParsedOptions(url_, &error);
  if (!error.empty()) {
    return absl::InvalidArgumentError(fmt::format(
        "the database's URL cannot be read: {}; it reads like postgresql://user@host:5432/database", Trimmed(error)));
  }
  options.emplace("connect_timeout", "10");
  options.emplace("tcp_user_timeout", "30000");
  options["application_name"] = application_;
  options["client_encoding"] = "UTF8";
  std::unique_ptr<Session> session;
  try {
    session = std::make_unique<Session>(KeyValueString(options));
  } catch (const std::exception& e) {
    return ConnectError(Where(), e.what());
  }
  if (absl::Status status = CheckServerVersion(session->connection.server_version(), Where()); !status.ok())
    return status;
  try {
    pqxx::nontransaction(session->connection).exec(kSessionSettings);
  } catch (const std::exception& e) {
    return ConnectError(Where(), e.what());
  }
  session_ = std::move(session);
  return absl::OkStatus();
}

absl::Status Connection::Transact(const std::function<absl::Status(pqxx::transaction_base&)>& body) {
  if (session_ == nullptr) {
    if (absl::Status status = Connect(); !status.ok()) return status;
  }
  absl::Status status;
  try {
    pqxx::work transaction(session_->connection);
    if (term_ != 0 &&
        transaction.exec_params("SELECT FROM assay.coordinator WHERE term = $1 FOR KEY SHARE", term_).empty()) {
      return absl::FailedPreconditionError(
          fmt::format("this coordinator's term {} is over: another one has taken the database at {}", term_, Where()));
    }
    status = body(transaction);
    if (!status.ok()) return status;
    transaction.commit();
    return absl::OkStatus();
  } catch (const pqxx::broken_connection& e) {
    status =
        absl::UnavailableError(fmt::format("the connection to PostgreSQL at {} broke: {}", Where(), Trimmed(e.what())));
  } catch (const pqxx::in_doubt_error& e) {
    status = absl::UnavailableError(
        fmt::format("the connection to PostgreSQL at {} broke while it committed: {}", Where(), Trimmed(e.what())));
  } catch (const pqxx::sql_error& e) {
    status = SqlError(Where(), session_->connection.is_open(), e);
  } catch (const std::exception& e) {
    status = session_->connection.is_open()
                 ? absl::InternalError(fmt::format("PostgreSQL at {}: {}", Where(), Trimmed(e.what())))
                 : absl::UnavailableError(
                       fmt::format("the connection to PostgreSQL at {} broke: {}", Where(), Trimmed(e.what())));
  }
  // Re-use of a libpqxx 6 connection that has thrown is unreliable; a new one costs milliseconds.
  session_.reset();
  return status;
}

std::string Connection::Where() const {
  const std::map<std::string, std::string> options = ParsedOptions(url_, nullptr);
  const auto value = [&](const char* key, const char* otherwise) {
    const auto found = options.find(key);
    return found == options.end() || found->second.empty() ? std::string(otherwise) : found->second;
  };
  const std::string host = value("host", value("hostaddr", "the default socket").c_str());
  const std::string database = value("dbname", value("user", "the user's name").c_str());
  if (host.starts_with('/') || host.starts_with("the ")) return fmt::format("{}, database {}", host, database);
  return fmt::format("{}:{}/{}", host, value("port", "5432"), database);
}

}  // namespace assay
