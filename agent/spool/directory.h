#ifndef ASSAY_AGENT_SPOOL_DIRECTORY_H_
#define ASSAY_AGENT_SPOOL_DIRECTORY_H_

#include <absl/status/statusor.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/spool/stream.h"
#include "common/descriptor.h"

namespace assay {

// Makes the directory and locks it for this process. The lock ends when the returned descriptor is closed.
// FailedPrecondition: another agent has it; names its pid.
absl::StatusOr<Descriptor> LockSpoolDirectory(const std::string& directory);

// Makes <directory>/<cluster id> and recovers what incarnations other than `own` left in it, oldest first. Delivered
// ones are removed; ones that cannot be recovered are logged and kept.
absl::StatusOr<std::vector<std::unique_ptr<SpoolStream>>> FindStreams(const std::string& directory,
                                                                      const std::string& cluster_id,
                                                                      std::string_view own);

// Logs how many batches wait here for other Assay databases. They stay.
void ReportForeignStreams(const std::string& directory, std::string_view cluster_id);

// Removes the files the spool made, then the directory if nothing else is in it.
void RemoveStreamDirectory(const std::string& path);
void RemoveFile(const std::string& path);

}  // namespace assay

#endif  // ASSAY_AGENT_SPOOL_DIRECTORY_H_
