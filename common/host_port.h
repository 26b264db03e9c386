#ifndef ASSAY_COMMON_HOST_PORT_H_
#define ASSAY_COMMON_HOST_PORT_H_

#include <absl/status/status.h>

#include <string_view>

namespace assay {

// How a coordinator's address is written in every flag and environment variable: HOST:PORT, "[ADDRESS]:PORT" for IPv6.
// InvalidArgument names the mend. gRPC itself would take URLs and more, and fail much later in words of its own. Port
// 0, which takes any free one, is only for who serves.
absl::Status CheckHostPort(std::string_view address, bool serves = false);

}  // namespace assay

#endif  // ASSAY_COMMON_HOST_PORT_H_
