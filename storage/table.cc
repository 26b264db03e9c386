#include "storage/table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <pqxx/pqxx>
#include <utility>

#include "common/nearest_name.h"

namespace assay {
namespace {

constexpr int kRowsPerFetch = 2000;

std::vector<std::string> ColumnNames(const pqxx::result& result) {
  std::vector<std::string> names;
  for (pqxx::row_size_type i = 0; i < result.columns(); ++i) names.emplace_back(result.column_name(i));
  return names;
}

std::vector<std::optional<std::string>> Values(const pqxx::row& row) {
  std::vector<std::optional<std::string>> values;
  values.reserve(row.size());
  for (const auto& field : row) {
    if (field.is_null()) {
      values.emplace_back(std::nullopt);
    } else {
      values.emplace_back(std::string(field.c_str(), field.size()));
    }
  }
  return values;
}

// What tells the rows of one sweep ($1), by the first of these columns that a view has.
struct SweepKey {
  const char* column;
  const char* condition;
};
constexpr SweepKey kSweepKeys[] = {
    {"sweep_id", "sweep_id = $1"},
    {"run_id", "run_id IN (SELECT run_id FROM assay.run WHERE sweep_id = $1)"},
    {"hook_id", "hook_id IN (SELECT hook_id FROM assay.hook WHERE sweep_id = $1)"},
    {"floor_id", "floor_id IN (SELECT floor_id FROM assay.share WHERE sweep_id = $1)"},
};

std::string ConditionOf(const std::vector<std::string>& columns) {
  for (const SweepKey& key : kSweepKeys) {
    if (std::find(columns.begin(), columns.end(), key.column) != columns.end()) return key.condition;
  }
  return "false";
}

std::vector<std::string> ColumnsOf(pqxx::transaction_base& transaction, const std::string& view) {
  std::vector<std::string> columns;
  for (const auto& row : transaction.exec_params("SELECT attname FROM pg_attribute WHERE attrelid = format('assay.%I', "
                                                 "$1::text)::regclass AND attnum > 0 AND NOT attisdropped",
                                                 view)) {
    columns.push_back(row[0].as<std::string>());
  }
  return columns;
}

// The columns, of those that the view has, that put its rows in an order people expect.
std::string OrderOf(const std::vector<std::string>& columns) {
  constexpr const char* kOrder[] = {"position", "run_id", "cell_id", "agent",   "agent_id", "cgroup",   "inode", "tick",
                                    "index",    "task",   "origin",  "hook_id", "step",     "floor_id", "code"};
  std::string order;
  for (const char* column : kOrder) {
    if (std::find(columns.begin(), columns.end(), column) != columns.end())
      order += fmt::format("{}{}", order.empty() ? " ORDER BY " : ", ", column);
  }
  return order;
}

void Stream(pqxx::transaction_base& transaction, const std::string& sql, const std::vector<std::string>& parameters,
            const RowSink& row, const std::function<bool(const std::vector<std::string>& columns)>& head) {
  transaction.exec_params("DECLARE stream NO SCROLL CURSOR FOR " + sql, pqxx::prepare::make_dynamic_params(parameters));
  bool first = true;
  while (true) {
    const pqxx::result result = transaction.exec(fmt::format("FETCH {} FROM stream", kRowsPerFetch));
    const std::vector<std::string> columns = ColumnNames(result);
    if (std::exchange(first, false) && head != nullptr && !head(columns)) return;
    for (const auto& one : result) {
      if (!row(columns, Values(one))) return;
    }
    if (result.size() < kRowsPerFetch) return;
  }
}

}  // namespace

absl::StatusOr<Table> Query(Connection& connection, const std::string& sql,
                            const std::vector<std::string>& parameters) {
  Table table;
  const absl::Status status = connection.Transact([&](pqxx::transaction_base& transaction) {
    const pqxx::result result = transaction.exec_params(sql, pqxx::prepare::make_dynamic_params(parameters));
    table.columns = ColumnNames(result);
    table.rows.reserve(result.size());
    for (const auto& row : result) table.rows.push_back(Values(row));
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return table;
}

absl::StatusOr<std::vector<std::string>> SweepViews(Connection& connection) {
  const absl::StatusOr<Table> found =
      Query(connection,
            "SELECT c.relname FROM pg_class c WHERE EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid "
            "AND a.attname IN ('sweep_id', 'run_id', 'hook_id', 'floor_id')) AND c.relnamespace = "
            "'assay'::regnamespace AND c.relkind IN ('v', 'r', 'p') AND NOT c.relispartition "
            "AND obj_description(c.oid, 'pg_class') IS NOT NULL ORDER BY c.relkind DESC, c.relname");
  if (!found.ok()) return found.status();
  std::vector<std::string> names;
  for (const auto& row : found->rows) names.push_back(row[0].value_or(""));
  return names;
}

absl::Status CheckSweepView(const std::vector<std::string>& known, const std::string& view) {
  if (std::find(known.begin(), known.end(), view) != known.end()) return absl::OkStatus();
  const std::optional<std::string> nearest = NearestName(view, known);
  return absl::NotFoundError(fmt::format(
      "there is no view '{}' of sweeps; {}", view,
      nearest ? fmt::format("did you mean '{}'?", *nearest) : fmt::format("there are {}", fmt::join(known, ", "))));
}

absl::Status StreamQuery(Connection& connection, const std::string& sql, const std::vector<std::string>& parameters,
                         const RowSink& row) {
  return connection.Transact([&](pqxx::transaction_base& transaction) {
    Stream(transaction, sql, parameters, row, nullptr);
    return absl::OkStatus();
  });
}

absl::Status StreamView(Connection& connection, const std::string& view, int64_t sweep_id, const RowSink& row,
                        const std::function<bool(const std::vector<std::string>& columns)>& head) {
  const absl::StatusOr<std::vector<std::string>> views = SweepViews(connection);
  if (!views.ok()) return views.status();
  if (absl::Status found = CheckSweepView(*views, view); !found.ok()) return found;
  return connection.Transact([&](pqxx::transaction_base& transaction) {
    const std::vector<std::string> columns = ColumnsOf(transaction, view);
    Stream(transaction,
           fmt::format("SELECT * FROM assay.{} WHERE {}{}", transaction.quote_name(view), ConditionOf(columns),
                       OrderOf(columns)),
           {std::to_string(sweep_id)}, row, head);
    return absl::OkStatus();
  });
}

}  // namespace assay
