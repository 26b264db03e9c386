#include "storage/copy_text.h"

#include <fmt/format.h>

#include "common/utf8.h"

namespace assay {

void CopyText::Separate() {
  if (in_row_) {
    text_ += '\t';
  } else if (!text_.empty()) {
    text_ += '\n';
  }
  in_row_ = true;
}

void CopyText::Integer(int64_t value) {
  Separate();
  const fmt::format_int digits(value);
  text_.append(digits.data(), digits.size());
}

void CopyText::Null() {
  Separate();
  text_ += "\\N";
}

void CopyText::Word(std::string_view word) {
  Separate();
  text_ += word;
}

void CopyText::Text(std::string_view bytes) {
  Separate();
  for (const char c : ValidText(bytes)) {
    switch (c) {
      case '\\':
        text_ += "\\\\";
        break;
      case '\n':
        text_ += "\\n";
        break;
      case '\r':
        text_ += "\\r";
        break;
      case '\t':
        text_ += "\\t";
        break;
      default:
        text_ += c;
    }
  }
}

void CopyText::Bytes(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  Separate();
  text_ += "\\\\x";
  for (const char c : bytes) {
    const auto byte = static_cast<uint8_t>(c);
    text_ += kDigits[byte >> 4];
    text_ += kDigits[byte & 15];
  }
}

void CopyText::EndRow() { in_row_ = false; }

}  // namespace assay
