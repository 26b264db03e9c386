#ifndef ASSAY_CLI_RESULTS_VIEW_ROWS_H_
#define ASSAY_CLI_RESULTS_VIEW_ROWS_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "assay/v1/control.pb.h"

namespace assay {

// A view's rows by column name. A column that is not there reads like a null.
class ViewRows {
 public:
  ViewRows() = default;
  explicit ViewRows(v1::ViewRows rows);

  size_t size() const { return static_cast<size_t>(rows_.rows_size()); }
  bool cut() const { return rows_.cut(); }                      // the view has more rows than these
  std::string Text(size_t row, std::string_view column) const;  // "" for null
  std::optional<double> Number(size_t row,
                               std::string_view column) const;  // nullopt for null, NaN and what is no number
  std::vector<std::string> List(size_t row, std::string_view column) const;  // of PostgreSQL's {a,"b c"}
  std::map<std::string, std::string> Object(size_t row,
                                            std::string_view column) const;  // of a jsonb object, one level, as text

 private:
  v1::ViewRows rows_;
  std::map<std::string, int> columns_;
};

}  // namespace assay

#endif  // ASSAY_CLI_RESULTS_VIEW_ROWS_H_
