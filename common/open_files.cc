#include "common/open_files.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

namespace assay {
namespace {

constexpr uint64_t kTableSize = 1 << 16;  // half a megabyte of the kernel's

// It never shrinks.
void GrowTable(uint64_t size) {
  const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  const int highest = fcntl(fd, F_DUPFD_CLOEXEC, static_cast<int>(size - 1));
  if (highest >= 0) close(highest);
  close(fd);
}

}  // namespace

uint64_t RaiseOpenFiles() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur > 0) GrowTable(std::min<uint64_t>(limit.rlim_cur, kTableSize));
  return limit.rlim_cur;
}

}  // namespace assay
