#include "common/utf8.h"

namespace assay {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

}  // namespace

size_t Utf8Length(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto tail = [&](size_t i, unsigned low = 0x80, unsigned high = 0xBF) {
    return byte(i) >= low && byte(i) <= high;
  };
  if (text.empty()) return 0;
  const unsigned b = byte(0);
  if (b < 0x80) return 1;
  if (b >= 0xC2 && b <= 0xDF) return tail(1) ? 2 : 0;
  if (b >= 0xE0 && b <= 0xEF) return tail(1, b == 0xE0 ? 0xA0 : 0x80, b == 0xED ? 0x9F : 0xBF) && tail(2) ? 3 : 0;
  if (b >= 0xF0 && b <= 0xF4)
    return tail(1, b == 0xF0 ? 0x90 : 0x80, b == 0xF4 ? 0x8F : 0xBF) && tail(2) && tail(3) ? 4 : 0;
  return 0;
}

std::string PlainText(std::string_view text, size_t most_bytes) {
  std::string plain;
  while (!text.empty() && plain.size() < most_bytes) {
    const size_t length = Utf8Length(text);
    const bool printable = length > 1 || (length == 1 && static_cast<unsigned char>(text.front()) >= 0x20);
    plain += printable ? text.substr(0, length) : std::string_view("?");
    text.remove_prefix(length > 1 ? length : 1);
  }
  if (!text.empty()) plain += "...";
  return plain;
}

std::string ValidText(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  size_t copied = 0;
  size_t at = 0;
  while (at < bytes.size()) {
    const size_t length = bytes[at] == '\0' ? 0 : Utf8Length(bytes.substr(at));
    if (length == 0) {
      text += bytes.substr(copied, at - copied);
      text += kReplacement;
      copied = at + 1;
    }
    at += length == 0 ? 1 : length;
  }
  return text += bytes.substr(copied);
}

}  // namespace assay
