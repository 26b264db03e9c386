#ifndef ASSAY_COMMON_WHOLE_FILE_H_
#define ASSAY_COMMON_WHOLE_FILE_H_

#include <absl/status/status.h>

#include <string>
#include <string_view>

namespace assay {

// All that a file holds; empty if it cannot be read.
std::string ReadWhole(const std::string& path);

// Readers see the old content or all of the new one. Errors name the file and the reason.
absl::Status WriteWhole(const std::string& path, std::string_view content);

}  // namespace assay

#endif  // ASSAY_COMMON_WHOLE_FILE_H_
