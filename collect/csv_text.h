#ifndef ASSAY_COLLECT_CSV_TEXT_H_
#define ASSAY_COLLECT_CSV_TEXT_H_

#include <absl/status/status.h>

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

// Rows of comma-separated values (RFC 4180), the header among them, each with the line it begins in, from 1. Empty
// lines are left out, a byte order mark too. Unavailable: a quote is not closed, as in a file that is still written.
// Pure.
using CsvRow = std::function<absl::Status(size_t line, const std::vector<std::string>& values)>;
absl::Status ReadCsv(std::string_view text, const CsvRow& row);

}  // namespace assay

#endif  // ASSAY_COLLECT_CSV_TEXT_H_
