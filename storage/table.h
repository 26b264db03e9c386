#ifndef ASSAY_STORAGE_TABLE_H_
#define ASSAY_STORAGE_TABLE_H_

#include <absl/status/statusor.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "storage/connection.h"

namespace assay {

struct Table {
  std::vector<std::string> columns;
  std::vector<std::vector<std::optional<std::string>>> rows;  // PostgreSQL's text form; nullopt is NULL
};

// Any query with text parameters $1, $2, ...
absl::StatusOr<Table> Query(Connection& connection, const std::string& sql,
                            const std::vector<std::string>& parameters = {});

// The names of the documented views and tables that carry sweep_id, for `assay export --format csv` and ReadView.
absl::StatusOr<std::vector<std::string>> SweepViews(Connection& connection);

// Rows of one of those, of one sweep, streamed in order; NotFound names the nearest view. `row` gets each row; return
// false to stop.
absl::Status StreamView(Connection& connection, const std::string& view, int64_t sweep_id,
                        const std::function<bool(const std::vector<std::string>& columns,
                                                 const std::vector<std::optional<std::string>>& row)>& row);

}  // namespace assay

#endif  // ASSAY_STORAGE_TABLE_H_
