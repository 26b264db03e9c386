#ifndef ASSAY_AGENT_SPOOL_ACKED_FILE_H_
#define ASSAY_AGENT_SPOOL_ACKED_FILE_H_

#include <absl/status/status.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace assay {

// What of a stream the coordinator has, remembered in the stream's directory. It may lag behind after a crash, never
// lead.

inline constexpr std::string_view kAckedFile = "acked";

// 0 if there is none, or only a torn one.
uint64_t LoadAcked(const std::string& directory);
absl::Status SaveAcked(const std::string& directory, uint64_t acked_seq);

}  // namespace assay

#endif  // ASSAY_AGENT_SPOOL_ACKED_FILE_H_
