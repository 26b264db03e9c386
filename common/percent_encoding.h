#ifndef ASSAY_COMMON_PERCENT_ENCODING_H_
#define ASSAY_COMMON_PERCENT_ENCODING_H_

#include <string>
#include <string_view>

namespace assay {

// As a part of a URL's path or query; names and ids of others may hold any character (RFC 3986).
std::string PercentEncoded(std::string_view text);

}  // namespace assay

#endif  // ASSAY_COMMON_PERCENT_ENCODING_H_
