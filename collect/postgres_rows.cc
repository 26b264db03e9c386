#include "collect/postgres_rows.h"

#include <libpq-fe.h>

namespace assay {

int PostgresRows::columns() const { return PQnfields(result_.get()); }
int PostgresRows::size() const { return PQntuples(result_.get()); }
std::string_view PostgresRows::Name(int column) const { return PQfname(result_.get(), column); }
int PostgresRows::Column(std::string_view name) const {
  int column = columns() - 1;
  while (column >= 0 && Name(column) != name) --column;
  return column;
}
std::optional<std::string_view> PostgresRows::Value(int row, int column) const {
  if (PQgetisnull(result_.get(), row, column) != 0) return std::nullopt;
  return std::string_view(PQgetvalue(result_.get(), row, column),
                          static_cast<size_t>(PQgetlength(result_.get(), row, column)));
}

}  // namespace assay
