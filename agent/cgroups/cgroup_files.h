#ifndef ASSAY_AGENT_CGROUPS_CGROUP_FILES_H_
#define ASSAY_AGENT_CGROUPS_CGROUP_FILES_H_

#include <span>
#include <string_view>

#include "agent/cgroups/block_devices.h"
#include "agent/cgroups/cgroup_layout.h"
#include "assay/v1/record.pb.h"

namespace assay {

inline constexpr int64_t kNotOffered = -1;
inline constexpr std::string_view kUnified = "unified";  // CgroupFile::hierarchy of v2

// What a cgroup's last reading told, as far as it says whether the next one may differ.
struct CgroupPast {
  int64_t cpu_usage_ns = kNotOffered;
  int64_t memory_current_bytes = kNotOffered;
  int64_t stalled_us = kNotOffered;  // for memory and I/O together
  bool stalling = true;              // that was more than in the reading before
};

// One reading in the making. Files are read in the order of their table, so a later one can see what an earlier one
// found.
struct CgroupReading {
  v1::CgroupSample& sample;
  BlockDevices& devices;
  // Hybrid: the processes are in the v1 cgroup, and the v2 one of the same path may be an empty shell that would report
  // zeros.
  bool unified_populated = true;
  CgroupPast past = {};
  bool whole = true;  // files are read though nothing says that they may differ

  // Its processes ran, or its memory changed, since the last reading. Known once CPU usage and memory are filled.
  bool Active() const;
};

enum class FileNeed {
  kRead,
  kSame,  // it would tell what it told last
  kNone,  // what it tells is not wanted, and stays "not offered"
};

struct CgroupFile {
  std::string_view hierarchy;  // a v1 controller, or kUnified
  const char* name;
  const char* fallback;  // an older kernel's name for it, or nullptr
  bool on_root;          // false: the root cgroup's is not read (memory.stat takes seconds there on some hosts)
  void (*fill)(std::string_view text, CgroupReading& reading);
  // nullptr: read every time. A read costs microseconds, nearly all of them the kernel's, so what it cannot tell anew
  // is not asked. `last`: what it told last, empty if nothing.
  FileNeed (*need)(std::string_view last, const CgroupReading& reading) = nullptr;
};

// The files to read in a layout, in order. Empty for none.
std::span<const CgroupFile> CgroupFilesOf(CgroupLayout::Kind kind);

// Defined beside their parsers' use, one table per layout.
std::span<const CgroupFile> CgroupFilesV1();
std::span<const CgroupFile> CgroupFilesV2();
std::span<const CgroupFile> CgroupFilesHybrid();  // v1's, then what only v2 offers

// Shared by the tables. Without processes that run and without a change of its memory, a cgroup's own counters stand
// still; stalls do if there were none either.
FileNeed IfActive(std::string_view last, const CgroupReading& reading);
FileNeed IfActiveOrStalling(std::string_view last, const CgroupReading& reading);
void FillCpuStatV2(std::string_view text, CgroupReading& reading);
void FillCpuPressure(std::string_view text, CgroupReading& reading);
void FillMemoryPressure(std::string_view text, CgroupReading& reading);
void FillIoPressure(std::string_view text, CgroupReading& reading);
void FillOomKills(std::string_view text, CgroupReading& reading);
void FillMemoryCurrent(std::string_view text, CgroupReading& reading);
void FillMemoryPeak(std::string_view text, CgroupReading& reading);
void FillPids(std::string_view text, CgroupReading& reading);

}  // namespace assay

#endif  // ASSAY_AGENT_CGROUPS_CGROUP_FILES_H_
