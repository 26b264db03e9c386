#include "agent/spool/directory.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "agent/spool/acked_file.h"
#include "common/lock_file.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

bool SafeName(std::string_view name) {
  return !name.empty() && name.front() != '.' && name.size() < 128 &&
         std::all_of(name.begin(), name.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.'; });
}

absl::Status DirectoryError(const std::error_code& error, const std::string& directory) {
  return absl::FailedPreconditionError(
      fmt::format("cannot make the spool directory {}: {}; give --spool a directory that this user may write",
                  directory, error.message()));
}

std::vector<fs::path> Subdirectories(const std::string& directory) {
  std::vector<fs::path> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    if (entry.is_directory(error)) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

absl::StatusOr<Descriptor> LockSpoolDirectory(const std::string& directory) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) return DirectoryError(error, directory);
  LockFile lock = TakeLock(directory + "/lock", 0600);
  if (lock.taken()) return std::move(lock.file);
  if (lock.error != EWOULDBLOCK) return DirectoryError(std::error_code(lock.error, std::generic_category()), directory);
  return absl::FailedPreconditionError(
      fmt::format("spool directory {} is in use by another assay-agent (pid {}); give this one its own --spool",
                  directory, lock.holder));
}

absl::StatusOr<std::vector<std::unique_ptr<SpoolStream>>> FindStreams(const std::string& directory,
                                                                      const std::string& cluster_id,
                                                                      std::string_view own) {
  if (!SafeName(cluster_id)) {
    return absl::InvalidArgumentError(fmt::format("the coordinator's database has an impossible id '{}'", cluster_id));
  }
  const std::string cluster = directory + "/" + cluster_id;
  std::error_code error;
  fs::create_directory(cluster, error);
  if (error) return DirectoryError(error, cluster);
  if (absl::Status synced = SyncDirectory(directory); !synced.ok()) return synced;
  std::vector<std::unique_ptr<SpoolStream>> streams;
  for (const fs::path& path : Subdirectories(cluster)) {
    const std::string name = path.filename().string();
    if (name == own) continue;
    auto stream = SpoolStream::Recover(path.string(), name);
    if (!stream.ok()) {
      spdlog::error("spool: what an earlier agent process left in {} cannot be delivered: {}", path.string(),
                    std::string(stream.status().message()));
      continue;
    }
    if ((*stream)->Finished()) {
      RemoveStreamDirectory(path.string());
      continue;
    }
    spdlog::info("spool: {} batches of an earlier agent process (stream {}) are still to be delivered",
                 (*stream)->unacked_batches(), name);
    streams.push_back(*std::move(stream));
  }
  std::sort(streams.begin(), streams.end(),
            [](const auto& a, const auto& b) { return a->created_wall_ns() < b->created_wall_ns(); });
  return streams;
}

void ReportForeignStreams(const std::string& directory, std::string_view cluster_id) {
  for (const fs::path& cluster : Subdirectories(directory)) {
    if (cluster.filename() == cluster_id) continue;
    uint64_t batches = 0;
    for (const fs::path& path : Subdirectories(cluster.string())) {
      // Recovering changes nothing but a torn end, which would be cut off for its own coordinator too.
      if (const auto stream = SpoolStream::Recover(path.string(), path.filename().string()); stream.ok()) {
        batches += (*stream)->unacked_batches();
      }
    }
    if (batches > 0) {
      spdlog::warn(
          "spool: {} holds {} batches for another Assay database ({}); they are kept until its coordinator is back",
          directory, batches, cluster.filename().string());
    }
  }
}

void RemoveFile(const std::string& path) {
  std::error_code error;
  fs::remove(path, error);
  if (error) spdlog::warn("spool: cannot remove {}: {}", path, error.message());
}

void RemoveStreamDirectory(const std::string& path) {
  std::error_code error;
  std::vector<fs::path> files;
  for (const auto& file : fs::directory_iterator(path, error)) {
    if (file.path().extension() == ".seg" || file.path().filename() == kAckedFile) files.push_back(file.path());
  }
  for (const fs::path& file : files) RemoveFile(file.string());
  fs::remove(path, error);
}

}  // namespace assay
