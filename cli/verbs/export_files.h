#ifndef ASSAY_CLI_VERBS_EXPORT_FILES_H_
#define ASSAY_CLI_VERBS_EXPORT_FILES_H_

#include <absl/status/status.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "assay/v1/control.pb.h"

namespace assay {

// Writes the chunks of an export into a directory. A file gets its name only when it is whole: a broken export leaves
// no half of one.
class ExportFiles {
 public:
  explicit ExportFiles(std::string directory);
  ~ExportFiles();
  ExportFiles(const ExportFiles&) = delete;
  ExportFiles& operator=(const ExportFiles&) = delete;

  // InvalidArgument if the name could leave the directory; ResourceExhausted if the disk is full.
  absl::Status Take(const v1::ExportChunk& chunk);
  absl::Status Finish();
  // Path and bytes of each whole file.
  const std::vector<std::pair<std::string, uint64_t>>& written() const { return written_; }

 private:
  std::string CurrentPath() const { return directory_ + "/" + name_; }
  absl::Status Close();

  const std::string directory_;
  std::string name_;  // of the file being written
  std::FILE* file_ = nullptr;
  uint64_t bytes_ = 0;
  std::vector<std::pair<std::string, uint64_t>> written_;
};

}  // namespace assay

#endif  // ASSAY_CLI_VERBS_EXPORT_FILES_H_
