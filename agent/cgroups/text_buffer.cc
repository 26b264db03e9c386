#include "agent/cgroups/text_buffer.h"

#include <unistd.h>

#include <cerrno>

namespace assay {
namespace {

constexpr size_t kMaxBytes = 1024 * 1024;

}  // namespace

std::optional<std::string_view> TextBuffer::Read(int fd) {
  while (true) {
    const ssize_t got = pread(fd, bytes_.data(), bytes_.size(), 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      return std::nullopt;
    }
    const auto size = static_cast<size_t>(got);
    // A full buffer may hide more. Reading on at an offset would mix two printings of the file, so it is read again
    // from its start.
    if (size < bytes_.size() || bytes_.size() >= kMaxBytes) return std::string_view(bytes_.data(), size);
    bytes_.resize(bytes_.size() * 4);
  }
}

}  // namespace assay
