#include "cli/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>

namespace assay {
namespace {

bool BeginsWithNumber(std::string_view text) {
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) text.remove_prefix(1);
  return text.empty() || std::isdigit(static_cast<unsigned char>(text.front())) != 0;
}

}  // namespace

void TextTable::AddRow(std::vector<std::string> cells) {
  cells.resize(titles_.size());
  rows_.push_back(std::move(cells));
}

void TextTable::LeaveOutUnknown() {
  for (size_t c = titles_.size(); c-- > 0;) {
    const bool unknown = std::all_of(rows_.begin(), rows_.end(), [c](const auto& row) { return row[c] == "-"; });
    if (!unknown || rows_.empty()) continue;
    titles_.erase(titles_.begin() + static_cast<std::ptrdiff_t>(c));
    for (auto& row : rows_) row.erase(row.begin() + static_cast<std::ptrdiff_t>(c));
  }
}

std::vector<bool> TextTable::RightAligned() const {
  std::vector<bool> right(titles_.size(), false);
  for (size_t c = 0; c < titles_.size(); ++c) {
    bool filled = false;
    bool numeric = true;
    for (const auto& row : rows_) {
      filled |= !row[c].empty() && row[c] != "-";
      numeric &= BeginsWithNumber(row[c]);
    }
    right[c] = filled && numeric;
  }
  return right;
}

std::string TextTable::Plain() const {
  const std::vector<bool> right = RightAligned();
  std::vector<size_t> widths;
  for (size_t c = 0; c < titles_.size(); ++c) {
    size_t width = titles_[c].size();
    for (const auto& row : rows_) width = std::max(width, row[c].size());
    widths.push_back(width);
  }
  std::string text;
  const auto add_line = [&](const std::vector<std::string>& cells) {
    std::string line;
    for (size_t c = 0; c < cells.size(); ++c) {
      if (c > 0) line += "  ";
      line += right[c] ? fmt::format("{:>{}}", cells[c], widths[c]) : fmt::format("{:<{}}", cells[c], widths[c]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  };
  add_line(titles_);
  std::vector<std::string> rules;
  rules.reserve(widths.size());
  for (const size_t width : widths) rules.emplace_back(width, '-');
  add_line(rules);
  for (const auto& row : rows_) add_line(row);
  return text;
}

std::string TextTable::Markdown() const {
  const std::vector<bool> right = RightAligned();
  std::string text;
  const auto add_line = [&](const std::vector<std::string>& cells) {
    text += "|";
    for (const std::string& cell : cells) {
      text += " ";
      for (const char c : cell) text += c == '|' ? std::string("\\|") : std::string(1, c == '\n' ? ' ' : c);
      text += " |";
    }
    text += "\n";
  };
  add_line(titles_);
  text += "|";
  for (size_t c = 0; c < titles_.size(); ++c) text += right[c] ? " ---: |" : " --- |";
  text += "\n";
  for (const auto& row : rows_) add_line(row);
  return text;
}

std::string Shorten(std::string_view text, size_t width) {
  if (text.size() <= width) return std::string(text);
  if (width <= 3) return std::string(width, '.');
  size_t keep = width - 3;
  // A byte 10xxxxxx continues a character: step back to where it begins.
  while (keep > 0 && (static_cast<unsigned char>(text[keep]) & 0xC0) == 0x80) --keep;
  return std::string(text.substr(0, keep)) + "...";
}

std::string FormatNumber(double value, int digits) {
  if (!std::isfinite(value)) return "-";
  if (value == 0) return "0";
  const int magnitude = static_cast<int>(std::floor(std::log10(std::abs(value)))) + 1;
  return fmt::format("{:.{}f}", value, std::clamp(digits - magnitude, 0, 9));
}

std::string FormatRate(double per_s) { return per_s < 100 ? FormatNumber(per_s) : FormatCount(per_s); }

}  // namespace assay
