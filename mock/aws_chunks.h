#ifndef ASSAY_MOCK_AWS_CHUNKS_H_
#define ASSAY_MOCK_AWS_CHUNKS_H_

#include <absl/status/statusor.h>

#include <string>
#include <string_view>

namespace assay {

// The content of a body in aws-chunked encoding, in which clients sign an upload piece by piece: lines of a size and a
// signature before each piece. Signatures and trailers are not looked at. InvalidArgument: it is none, or is cut off.
absl::StatusOr<std::string> DecodeAwsChunks(std::string_view body);

}  // namespace assay

#endif  // ASSAY_MOCK_AWS_CHUNKS_H_
