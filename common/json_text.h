#ifndef ASSAY_COMMON_JSON_TEXT_H_
#define ASSAY_COMMON_JSON_TEXT_H_

#include <string>
#include <string_view>

namespace assay {

// A JSON string literal with quotes and escapes; the text must be UTF-8.
std::string JsonString(std::string_view text);

}  // namespace assay

#endif  // ASSAY_COMMON_JSON_TEXT_H_
