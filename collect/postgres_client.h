#ifndef ASSAY_COLLECT_POSTGRES_CLIENT_H_
#define ASSAY_COLLECT_POSTGRES_CLIENT_H_

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collect/record_source.h"

struct pg_conn;
struct pg_result;

namespace assay {

// A reading connection to a target's PostgreSQL, on the calling thread, that never waits longer than it is told to.
// Times come as ISO 8601 in UTC.
class PostgresClient {
 public:
  explicit PostgresClient(std::string url) : url_(std::move(url)) {}
  ~PostgresClient();
  PostgresClient(const PostgresClient&) = delete;
  PostgresClient& operator=(const PostgresClient&) = delete;

  class Rows {
   public:
    int columns() const;
    int size() const;
    std::string_view Name(int column) const;
    std::optional<std::string_view> Value(int row, int column) const;

   private:
    friend class PostgresClient;
    explicit Rows(pg_result* result);
    std::shared_ptr<pg_result> result_;
  };
  struct Parameter {
    uint32_t type;  // its OID
    std::string text;
  };
  // Connects where there is no connection. Unavailable: the server is not there, or asks to come again.
  absl::StatusOr<Rows> Query(const std::string& sql, const std::vector<Parameter>& parameters,
                             const Patience& patience);

 private:
  absl::Status Connect(const Patience& patience);
  absl::StatusOr<Rows> Run(const std::string& sql, const std::vector<Parameter>& parameters, const Patience& patience);
  absl::Status Failed(std::string_view what);  // and closes the connection
  void Close();

  const std::string url_;
  std::string where_;  // host, port and database, without user and password
  pg_conn* connection_ = nullptr;
};

}  // namespace assay

#endif  // ASSAY_COLLECT_POSTGRES_CLIENT_H_
