#ifndef ASSAY_AGENT_CGROUPS_CGROUP_READER_H_
#define ASSAY_AGENT_CGROUPS_CGROUP_READER_H_

#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/cgroups/block_devices.h"
#include "agent/cgroups/cgroup_files.h"
#include "agent/cgroups/cgroup_layout.h"
#include "agent/cgroups/text_buffer.h"
#include "assay/v1/record.pb.h"
#include "common/descriptor.h"

namespace assay {

// File descriptors that all readers of a sampler may hold together; the agent needs the rest for its triggers.
struct DescriptorBudget {
  int left = 0;
};

// Reads one cgroup, in every hierarchy that has it, for as long as it lives. Its directories and files are opened once
// and then read by pread; without budget for that they are opened anew for every reading (about 10 times dearer).
class CgroupReader {
 public:
  // `path` is below the cgroup root, with a leading "/". NotFound: no hierarchy has it. ResourceExhausted: out of file
  // descriptors. `budget` must outlive the reader.
  static absl::StatusOr<std::unique_ptr<CgroupReader>> Open(const CgroupLayout& layout, std::string path,
                                                            DescriptorBudget& budget);
  // One whose path is not the same in all hierarchies: where each is mounted -> its directory. `path` is its name.
  static absl::StatusOr<std::unique_ptr<CgroupReader>> Open(const CgroupLayout& layout, std::string path,
                                                            const std::map<std::string, std::string>& directories,
                                                            DescriptorBudget& budget);
  ~CgroupReader();
  CgroupReader(const CgroupReader&) = delete;
  CgroupReader& operator=(const CgroupReader&) = delete;

  enum class Result {
    kRead,
    kGone,           // the cgroup was removed, maybe in mid-read: `sample` is worthless and the series has ended
    kRecreated,      // likewise, and another cgroup has its path now
    kNoDescriptors,  // could not be opened this time
  };
  // Fills all of `sample` but its tick. What is not offered is -1.
  Result Read(TextBuffer& buffer, BlockDevices& devices, v1::CgroupSample& sample);

  // The next reading asks every file, as every one does that comes 10 s after the last such.
  void AskAll() { next_whole_ns_ = 0; }
  bool asked_all() const { return asked_all_; }  // in the last reading

  // Opens what was not there before: a hierarchy's directory made a moment later than the others, or a controller that
  // was enabled.
  void OpenMissing();

  const std::string& path() const { return path_; }
  uint64_t inode() const { return inode_; }
  // The cgroup's directories, one per hierarchy, whether they are there or not.
  std::vector<std::string> DirectoryPaths() const;

 private:
  struct Directory {
    std::string path;
    Descriptor fd;
  };
  struct File {
    const CgroupFile* kind;
    size_t directory;
    Descriptor fd;
    std::string last = {};  // what it told, where it may go unread
  };

  CgroupReader(std::string path, DescriptorBudget& budget) : path_(std::move(path)), budget_(budget) {}
  bool OpenAll();  // false: out of descriptors
  void CloseAll();
  Result Identify() const;

  std::string path_;
  DescriptorBudget& budget_;
  bool genuine_ = false;
  int held_ = 0;  // descriptors taken from the budget; 0: opened for every reading
  std::vector<Directory> directories_;
  std::vector<File> files_;
  size_t anchor_ =
      0;  // the directory whose inode is the cgroup's identity: the first that exists, in the order of Hierarchies()
  uint64_t inode_ = 0;
  uint64_t device_ = 0;
  CgroupPast past_;
  int64_t next_whole_ns_ = 0;
  bool asked_all_ = false;
};

}  // namespace assay

#endif  // ASSAY_AGENT_CGROUPS_CGROUP_READER_H_
