#include "common/whole_file.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>

namespace assay {

std::string ReadWhole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

absl::Status WriteWhole(const std::string& path, std::string_view content) {
  const std::string fresh = path + ".new";
  {
    std::ofstream out(fresh, std::ios::binary | std::ios::trunc);
    out.write(content.data(), static_cast<std::streamsize>(content.size()));
    out.close();
    if (!out) return absl::FailedPreconditionError(fmt::format("cannot write {}: {}", fresh, std::strerror(errno)));
  }
  if (std::rename(fresh.c_str(), path.c_str()) != 0)
    return absl::FailedPreconditionError(fmt::format("cannot write {}: {}", path, std::strerror(errno)));
  return absl::OkStatus();
}

}  // namespace assay
