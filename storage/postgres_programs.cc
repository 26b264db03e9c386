#include "storage/postgres_programs.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <vector>

#include "common/command.h"

namespace assay {
namespace {

constexpr int64_t kVersionTimeoutNs = 10'000'000'000;
constexpr char kDebianRoot[] = "/usr/lib/postgresql";

bool Complete(const std::string& directory) {
  return access((directory + "/initdb").c_str(), X_OK) == 0 && access((directory + "/postgres").c_str(), X_OK) == 0;
}

// "postgres (PostgreSQL) 15.18 (Debian ...)" -> 15; 0 if it cannot be asked.
int MajorOf(const std::string& directory) {
  const absl::StatusOr<CommandResult> result =
      RunCommand({.argv = {directory + "/postgres", "--version"}, .env = {}, .cwd = "/"}, kVersionTimeoutNs);
  if (!result.ok() || !result->ok()) return 0;
  const size_t digit = result->output.find_first_of("0123456789");
  return digit == std::string::npos ? 0 : std::atoi(result->output.c_str() + digit);
}

std::vector<std::string> CandidateDirectories() {
  if (const char* chosen = std::getenv("ASSAY_POSTGRES_BIN"); chosen != nullptr && *chosen != '\0') return {chosen};
  std::vector<std::string> found;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(kDebianRoot, ignored))
    found.push_back(entry.path().string() + "/bin");
  if (const char* path = std::getenv("PATH"); path != nullptr) {
    std::istringstream directories(path);
    for (std::string directory; std::getline(directories, directory, ':');) {
      if (!directory.empty()) found.push_back(directory);
    }
  }
  return found;
}

}  // namespace

absl::StatusOr<PostgresPrograms> FindPostgres(int data_major) {
  PostgresPrograms best;
  std::string seen;
  for (const std::string& directory : CandidateDirectories()) {
    if (!Complete(directory)) continue;
    const int major = MajorOf(directory);
    seen += fmt::format("{}{} (version {})", seen.empty() ? "" : ", ", directory, major);
    const bool fits =
        data_major == 0 ? major >= kOldestPostgres && major > best.major : major == data_major && best.major == 0;
    if (fits) best = {directory, major};
  }
  if (best.major != 0) return best;
  const std::string found = seen.empty() ? "none" : seen;
  if (data_major != 0) {
    return absl::NotFoundError(
        fmt::format("the data were made by PostgreSQL {} and its programs are not here (found: {}); install "
                    "postgresql-{} or use another --data",
                    data_major, found, data_major));
  }
  return absl::NotFoundError(
      fmt::format("no PostgreSQL {} or later here (found: {}); install it (Debian: apt-get install postgresql), set "
                  "ASSAY_POSTGRES_BIN to the directory of initdb and postgres, "
                  "or start assay-coordinator --database with the URL of a server",
                  kOldestPostgres, found));
}

}  // namespace assay
