#ifndef ASSAY_CLI_TABLE_H_
#define ASSAY_CLI_TABLE_H_

#include <string>
#include <string_view>
#include <vector>

#include "common/units.h"  // FormatCount: the other half of how numbers are shown

namespace assay {

// A table for people, in plain ASCII. A column whose every filled cell begins with a number is right-aligned, others
// left.
class TextTable {
 public:
  explicit TextTable(std::vector<std::string> titles) : titles_(std::move(titles)) {}

  // Missing cells are blank; surplus ones are dropped.
  void AddRow(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }
  // Takes out the columns in which every row has "-".
  void LeaveOutUnknown();

  // Two blanks between columns, a rule under the titles, no blanks at line ends, a newline after each line.
  std::string Plain() const;
  // GitHub's Markdown; bars inside cells are escaped.
  std::string Markdown() const;

 private:
  std::vector<bool> RightAligned() const;

  std::vector<std::string> titles_;
  std::vector<std::vector<std::string>> rows_;
};

// At most `width` bytes, the end replaced by "..." where something is cut. Never cuts a UTF-8 character in two.
std::string Shorten(std::string_view text, size_t width);

// "12345.6" with about `digits` significant digits and never an exponent: 0.01234 -> "0.0123", 12345.6 -> "12346".
std::string FormatNumber(double value, int digits = 3);
// Whole from 100 on, else three digits: "0.375", "5,735".
std::string FormatRate(double per_s);

}  // namespace assay

#endif  // ASSAY_CLI_TABLE_H_
