#include "collect/csv_text.h"

#include <fmt/format.h>

namespace assay {
namespace {

// Takes one value off the front; `text` then begins with a comma, a line end, or is empty.
bool TakeValue(std::string_view& text, std::string& value, size_t& line) {
  value.clear();
  if (text.empty() || text.front() != '"') {
    const size_t end = std::min(text.find_first_of(",\r\n"), text.size());
    value.assign(text.substr(0, end));
    text.remove_prefix(end);
    return true;
  }
  text.remove_prefix(1);
  while (true) {
    const size_t quote = text.find('"');
    if (quote == std::string_view::npos) return false;
    for (const char c : text.substr(0, quote)) line += c == '\n' ? 1 : 0;
    value.append(text.substr(0, quote));
    text.remove_prefix(quote + 1);
    if (text.empty() || text.front() != '"') break;
    value += '"';
    text.remove_prefix(1);
  }
  // What stands behind the closing quote belongs to the value, as spreadsheets read it.
  const size_t end = std::min(text.find_first_of(",\r\n"), text.size());
  value.append(text.substr(0, end));
  text.remove_prefix(end);
  return true;
}

}  // namespace

absl::Status ReadCsv(std::string_view text, const CsvRow& row) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  std::vector<std::string> values;
  for (size_t line = 1; !text.empty(); ++line) {
    const size_t begun = line;
    size_t count = 0;
    while (true) {
      if (values.size() <= count) values.emplace_back();
      if (!TakeValue(text, values[count++], line))
        return absl::UnavailableError(fmt::format("line {}: a quote is not closed", begun));
      if (text.empty() || text.front() != ',') break;
      text.remove_prefix(1);
    }
    if (text.starts_with('\r')) text.remove_prefix(1);
    if (text.starts_with('\n')) text.remove_prefix(1);
    values.resize(count);
    if (count == 1 && values[0].empty()) continue;
    if (absl::Status status = row(begun, values); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace assay
