#ifndef ASSAY_COLLECT_POSTGRES_ROWS_H_
#define ASSAY_COLLECT_POSTGRES_ROWS_H_

#include <memory>
#include <optional>
#include <string_view>

struct pg_result;

namespace assay {

// What a query gave, as texts; good as long as these rows.
class PostgresRows {
 public:
  int columns() const;
  int size() const;
  std::string_view Name(int column) const;
  int Column(std::string_view name) const;  // -1: there is none
  std::optional<std::string_view> Value(int row, int column) const;

 private:
  friend class PostgresClient;
  std::shared_ptr<pg_result> result_;
};

}  // namespace assay

#endif  // ASSAY_COLLECT_POSTGRES_ROWS_H_
