#include "cli/stack/data_dir.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace assay {

absl::StatusOr<std::string> ChooseDataDir(const std::string& flag, const std::function<const char*(const char*)>& env,
                                          bool is_root) {
  const auto value = [&](const char* name) {
    const char* text = env(name);
    return std::string(text == nullptr ? "" : text);
  };
  std::string chosen = flag;
  if (chosen.empty()) chosen = value("ASSAY_DATA");
  if (chosen.empty() && !value("XDG_DATA_HOME").empty()) chosen = value("XDG_DATA_HOME") + "/assay";
  if (chosen.empty() && is_root) chosen = "/var/lib/assay";
  if (chosen.empty()) {
    if (value("HOME").empty())
      return absl::FailedPreconditionError("no HOME to keep data in; name a directory with --data DIR or ASSAY_DATA");
    chosen = value("HOME") + "/.local/share/assay";
  }
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(chosen, error);
  if (error) return absl::FailedPreconditionError(fmt::format("cannot find '{}': {}", chosen, error.message()));
  std::string normal = absolute.lexically_normal().string();
  if (normal.size() > 1 && normal.back() == '/') normal.pop_back();
  return normal;
}

absl::StatusOr<std::string> ChooseDataDir(const std::string& flag) {
  return ChooseDataDir(
      flag, [](const char* name) { return std::getenv(name); }, geteuid() == 0);
}

absl::Status MakeDirectories(const std::string& path) {
  const mode_t before = umask(geteuid() == 0 ? 022 : 077);
  std::error_code error;
  std::filesystem::create_directories(path, error);
  umask(before);
  if (error) {
    return absl::FailedPreconditionError(fmt::format(
        "cannot make the directory {}: {}; choose another with --data DIR or ASSAY_DATA", path, error.message()));
  }
  return absl::OkStatus();
}

}  // namespace assay
