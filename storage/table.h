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

// The names of the documented views and tables whose rows belong to a sweep, by its id or by that of a run, a hook or a
// floor, for `assay export --format csv` and ReadView.
absl::StatusOr<std::vector<std::string>> SweepViews(Connection& connection);

// NotFound names the nearest of these.
absl::Status CheckSweepView(const std::vector<std::string>& known, const std::string& view);

// False stops the stream.
using RowSink =
    std::function<bool(const std::vector<std::string>& columns, const std::vector<std::optional<std::string>>& row)>;

// Like Query, but holds only some of the rows at a time.
absl::Status StreamQuery(Connection& connection, const std::string& sql, const std::vector<std::string>& parameters,
                         const RowSink& row);

// Rows of one of those views, of one sweep, streamed in order; NotFound names the nearest view. `head`, if set, gets
// the columns before the first row, and also where there is no row.
absl::Status StreamView(Connection& connection, const std::string& view, int64_t sweep_id, const RowSink& row,
                        const std::function<bool(const std::vector<std::string>& columns)>& head = nullptr);

}  // namespace assay

#endif  // ASSAY_STORAGE_TABLE_H_
