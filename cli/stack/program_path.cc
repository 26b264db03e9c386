#include "cli/stack/program_path.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <vector>

namespace assay {

std::string OwnPath() {
  std::error_code error;
  const std::filesystem::path path = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? std::string("/proc/self/exe") : path.string();
}

absl::StatusOr<std::string> FindProgram(const std::string& name) {
  const std::filesystem::path here = std::filesystem::path(OwnPath()).parent_path();
  const std::string folder = name.substr(name.find('-') + 1);
  std::vector<std::filesystem::path> places = {here / name, here.parent_path() / folder / name};
  const char* path = std::getenv("PATH");
  std::stringstream entries(path == nullptr ? "/usr/local/bin:/usr/bin:/bin" : path);
  for (std::string entry; std::getline(entries, entry, ':');) places.push_back(std::filesystem::path(entry) / name);
  for (const auto& place : places) {
    std::error_code error;
    if (std::filesystem::is_regular_file(place, error) && access(place.c_str(), X_OK) == 0)
      return place.lexically_normal().string();
  }
  return absl::NotFoundError(fmt::format(
      "cannot find the program {}: not in {}, not in PATH; build it or install it beside assay", name, here.string()));
}

}  // namespace assay
