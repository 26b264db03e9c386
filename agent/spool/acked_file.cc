#include "agent/spool/acked_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "agent/spool/segment.h"
#include "common/descriptor.h"

namespace assay {
namespace {

constexpr uint64_t kAckedCheck = 0x61636b6564736571;  // tells a whole record from a torn or empty one

std::string AckedPath(const std::string& directory) { return fmt::format("{}/{}", directory, kAckedFile); }

}  // namespace

uint64_t LoadAcked(const std::string& directory) {
  const Descriptor file(open(AckedPath(directory).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.ok()) return 0;
  std::array<uint64_t, 2> record{};
  const bool whole =
      pread(file.get(), record.data(), sizeof(record), 0) == sizeof(record) && record[1] == (record[0] ^ kAckedCheck);
  return whole ? record[0] : 0;
}

absl::Status SaveAcked(const std::string& directory, uint64_t acked_seq) {
  const std::string path = AckedPath(directory);
  const Descriptor file(open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  if (!file.ok()) return FileError(errno, "create", path);
  const std::array<uint64_t, 2> record{acked_seq, acked_seq ^ kAckedCheck};
  const ssize_t n = pwrite(file.get(), record.data(), sizeof(record), 0);
  if (n != sizeof(record)) return FileError(n < 0 ? errno : ENOSPC, "write", path);
  return absl::OkStatus();
}

}  // namespace assay
