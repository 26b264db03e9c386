#include "cli/verbs/export_files.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace assay {
namespace {

absl::Status WriteError(const std::string& path) {
  const int error = errno;
  const std::string text = fmt::format("cannot write {}: {}", path, std::strerror(error));
  return error == ENOSPC ? absl::ResourceExhaustedError(text + "; free some space or choose another --to")
                         : absl::FailedPreconditionError(text);
}

// "results/" is "results", so that a path is shown as people write it.
std::string WithoutSlashAtEnd(std::string directory) {
  while (directory.size() > 1 && directory.back() == '/') directory.pop_back();
  return directory;
}

}  // namespace

ExportFiles::ExportFiles(std::string directory) : directory_(WithoutSlashAtEnd(std::move(directory))) {}

ExportFiles::~ExportFiles() {
  if (file_ == nullptr) return;
  std::fclose(file_);
  unlink((CurrentPath() + ".new").c_str());
}

absl::Status ExportFiles::Take(const v1::ExportChunk& chunk) {
  if (chunk.file().empty() || chunk.file().front() == '.' || chunk.file().find('/') != std::string::npos) {
    return absl::InvalidArgumentError(fmt::format(
        "the coordinator sent a file named '{}', which is no plain name; nothing is written there", chunk.file()));
  }
  if (file_ == nullptr || chunk.file() != name_) {
    if (absl::Status closed = Close(); !closed.ok()) return closed;
    // With the user's own umask, unlike the data directory: exports are for showing around.
    std::error_code error;
    std::filesystem::create_directories(directory_, error);
    if (error) {
      return absl::FailedPreconditionError(
          fmt::format("cannot make the directory {}: {}; choose another with --to DIR", directory_, error.message()));
    }
    name_ = chunk.file();
    bytes_ = 0;
    file_ = std::fopen((CurrentPath() + ".new").c_str(), "wb");
    if (file_ == nullptr) return WriteError(CurrentPath());
  }
  if (std::fwrite(chunk.data().data(), 1, chunk.data().size(), file_) != chunk.data().size())
    return WriteError(CurrentPath());
  bytes_ += chunk.data().size();
  return absl::OkStatus();
}

absl::Status ExportFiles::Close() {
  if (file_ == nullptr) return absl::OkStatus();
  const bool closed = std::fclose(file_) == 0;
  file_ = nullptr;
  const std::string fresh = CurrentPath() + ".new";
  if (!closed || rename(fresh.c_str(), CurrentPath().c_str()) != 0) {
    absl::Status status = WriteError(CurrentPath());
    unlink(fresh.c_str());
    return status;
  }
  written_.emplace_back(CurrentPath(), bytes_);
  return absl::OkStatus();
}

absl::Status ExportFiles::Finish() { return Close(); }

}  // namespace assay
