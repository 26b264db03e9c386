#ifndef ASSAY_COMMON_UTF8_H_
#define ASSAY_COMMON_UTF8_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace assay {

// Length in bytes of the UTF-8 character at the front; 0 if there is none (RFC 3629: no overlong forms, no surrogates,
// up to U+10FFFF).
size_t Utf8Length(std::string_view text);

// What others wrote, fit for a message: UTF-8 without control characters ('?' stands for them), "..." behind the first
// `most_bytes`.
std::string PlainText(std::string_view text, size_t most_bytes);

// What a text of a message or a table takes: NUL and bytes that are not UTF-8 become U+FFFD. One bad value would fail
// the whole batch, here or where it is read.
std::string ValidText(std::string_view bytes);

}  // namespace assay

#endif  // ASSAY_COMMON_UTF8_H_
