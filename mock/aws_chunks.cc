#include "mock/aws_chunks.h"

#include <charconv>
#include <cstdint>

namespace assay {

absl::StatusOr<std::string> DecodeAwsChunks(std::string_view body) {
  std::string content;
  while (true) {
    const size_t line_end = body.find("\r\n");
    uint64_t size = 0;
    const auto [end, error] = std::from_chars(body.data(), body.data() + body.size(), size, 16);
    if (line_end == std::string_view::npos || error != std::errc())
      return absl::InvalidArgumentError("the body is not in aws-chunked encoding, or is cut off before its last chunk");
    if (size == 0) return content;
    body.remove_prefix(line_end + 2);
    if (size > body.size() || body.substr(size, 2) != "\r\n")
      return absl::InvalidArgumentError("a chunk of the body is shorter or longer than it says");
    content += body.substr(0, size);
    body.remove_prefix(size + 2);
  }
}

}  // namespace assay
