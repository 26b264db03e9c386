#ifndef ASSAY_COMMON_UTF8_H_
#define ASSAY_COMMON_UTF8_H_

#include <cstddef>
#include <string_view>

namespace assay {

// Length in bytes of the UTF-8 character at the front; 0 if there is none (RFC 3629: no overlong forms, no surrogates,
// up to U+10FFFF).
size_t Utf8Length(std::string_view text);

}  // namespace assay

#endif  // ASSAY_COMMON_UTF8_H_
