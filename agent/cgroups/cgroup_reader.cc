#include "agent/cgroups/cgroup_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <functional>

#include "agent/cgroups/kernel_text.h"
#include "common/clock.h"

namespace assay {
namespace {

// Every field -1: what no file fills stays "not offered".
v1::CgroupSample NothingOffered() {
  v1::CgroupSample sample;
  sample.set_cpu_usage_ns(kNotOffered);
  sample.set_cpu_user_ns(kNotOffered);
  sample.set_cpu_system_ns(kNotOffered);
  sample.set_throttled_ns(kNotOffered);
  sample.set_nr_throttled(kNotOffered);
  sample.set_memory_current_bytes(kNotOffered);
  sample.set_memory_inactive_file_bytes(kNotOffered);
  sample.set_memory_anon_bytes(kNotOffered);
  sample.set_memory_peak_bytes(kNotOffered);
  sample.set_oom_kills(kNotOffered);
  sample.set_io_read_bytes(kNotOffered);
  sample.set_io_write_bytes(kNotOffered);
  sample.set_io_read_ops(kNotOffered);
  sample.set_io_write_ops(kNotOffered);
  sample.set_pids(kNotOffered);
  sample.set_cpu_some_us(kNotOffered);
  sample.set_memory_some_us(kNotOffered);
  sample.set_memory_full_us(kNotOffered);
  sample.set_io_some_us(kNotOffered);
  sample.set_io_full_us(kNotOffered);
  sample.set_net_rx_bytes(kNotOffered);
  sample.set_net_tx_bytes(kNotOffered);
  sample.set_net_rx_packets(kNotOffered);
  sample.set_net_tx_packets(kNotOffered);
  return sample;
}

// Bounds how late something shows that files' needs did not foresee.
constexpr int64_t kWholeEveryNs = 10'000'000'000;

CgroupPast PastOf(const v1::CgroupSample& sample, const CgroupPast& before) {
  const int64_t stalled_us = SaturatingSum(sample.memory_some_us(), sample.io_some_us());
  return {.cpu_usage_ns = sample.cpu_usage_ns(),
          .memory_current_bytes = sample.memory_current_bytes(),
          .stalled_us = stalled_us,
          .stalling = stalled_us != before.stalled_us};
}

bool OutOfDescriptors(int error) { return error == EMFILE || error == ENFILE || error == ENOMEM; }

}  // namespace

absl::StatusOr<std::unique_ptr<CgroupReader>> CgroupReader::Open(const CgroupLayout& layout, std::string path,
                                                                 DescriptorBudget& budget) {
  std::map<std::string, std::string> directories;
  for (const std::string& hierarchy : layout.Hierarchies())
    directories.emplace(hierarchy, path == "/" ? hierarchy : hierarchy + path);
  return Open(layout, std::move(path), directories, budget);
}

absl::StatusOr<std::unique_ptr<CgroupReader>> CgroupReader::Open(
    const CgroupLayout& layout, std::string path, const std::map<std::string, std::string>& directories_by_hierarchy,
    DescriptorBudget& budget) {
  std::unique_ptr<CgroupReader> reader(new CgroupReader(std::move(path), budget));
  reader->genuine_ = layout.genuine;
  std::vector<std::string> hierarchies = layout.Hierarchies();
  std::erase_if(hierarchies,
                [&](const std::string& hierarchy) { return !directories_by_hierarchy.contains(hierarchy); });
  for (const std::string& hierarchy : hierarchies)
    reader->directories_.push_back({directories_by_hierarchy.at(hierarchy), Descriptor()});
  for (const CgroupFile& kind : CgroupFilesOf(layout.kind)) {
    if (reader->path_ == "/" && !kind.on_root) continue;
    const auto mounted = layout.v1.find(kind.hierarchy);
    if (kind.hierarchy != kUnified && mounted == layout.v1.end()) continue;
    const std::string& mount = kind.hierarchy == kUnified ? layout.v2 : mounted->second;
    const auto directory = std::find(hierarchies.begin(), hierarchies.end(), mount);
    if (directory == hierarchies.end()) continue;
    reader->files_.push_back({&kind, static_cast<size_t>(directory - hierarchies.begin()), Descriptor()});
  }
  // Not all cgroups of a host in the same tick.
  const uint64_t phase_ns = std::hash<std::string>()(reader->path_) % (kWholeEveryNs / 2);
  reader->next_whole_ns_ = MonotonicNs() + kWholeEveryNs / 2 + static_cast<int64_t>(phase_ns);
  const bool complete = reader->OpenAll();
  const auto& directories = reader->directories_;
  const auto anchor = std::find_if(directories.begin(), directories.end(),
                                   [](const Directory& directory) { return directory.fd.ok(); });
  struct stat info {};
  if (anchor == directories.end() || fstat(anchor->fd.get(), &info) != 0) {
    if (!complete)
      return absl::ResourceExhaustedError(fmt::format("cgroup {}: no file descriptor left", reader->path_));
    return absl::NotFoundError(fmt::format("cgroup {}: not below {}", reader->path_, layout.root));
  }
  reader->anchor_ = static_cast<size_t>(anchor - directories.begin());
  reader->inode_ = info.st_ino;
  reader->device_ = info.st_dev;
  const auto wanted = static_cast<int>(directories.size() + reader->files_.size());
  if (complete && wanted <= budget.left) {
    reader->held_ = wanted;
    budget.left -= wanted;
  } else {
    reader->CloseAll();
  }
  return reader;
}

CgroupReader::~CgroupReader() { budget_.left += held_; }

bool CgroupReader::OpenAll() {
  for (Directory& directory : directories_) {
    if (directory.fd.ok()) continue;
    directory.fd = Descriptor(open(directory.path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!directory.fd.ok() && OutOfDescriptors(errno)) return false;
  }
  for (File& file : files_) {
    const Descriptor& directory = directories_[file.directory].fd;
    if (file.fd.ok() || !directory.ok()) continue;
    file.fd = Descriptor(openat(directory.get(), file.kind->name, O_RDONLY | O_CLOEXEC));
    if (!file.fd.ok() && errno == ENOENT && file.kind->fallback != nullptr) {
      file.fd = Descriptor(openat(directory.get(), file.kind->fallback, O_RDONLY | O_CLOEXEC));
    }
    if (!file.fd.ok() && OutOfDescriptors(errno)) return false;
  }
  return true;
}

void CgroupReader::CloseAll() {
  for (File& file : files_) file.fd.Close();
  for (Directory& directory : directories_) directory.fd.Close();
}

std::vector<std::string> CgroupReader::DirectoryPaths() const {
  std::vector<std::string> paths;
  paths.reserve(directories_.size());
  for (const Directory& directory : directories_) paths.push_back(directory.path);
  return paths;
}

void CgroupReader::OpenMissing() {
  const auto closed = [](const auto& opened) { return !opened.fd.ok(); };
  if (held_ == 0 || (std::none_of(directories_.begin(), directories_.end(), closed) &&
                     std::none_of(files_.begin(), files_.end(), closed))) {
    return;
  }
  // A later directory could be a recreated cgroup's, which Read is about to find out; it must not be mixed in.
  if (Identify() == Result::kRead) OpenAll();
}

CgroupReader::Result CgroupReader::Identify() const {
  struct stat info {};
  if (stat(directories_[anchor_].path.c_str(), &info) != 0)
    return OutOfDescriptors(errno) ? Result::kNoDescriptors : Result::kGone;
  return info.st_ino == inode_ && info.st_dev == device_ ? Result::kRead : Result::kRecreated;
}

CgroupReader::Result CgroupReader::Read(TextBuffer& buffer, BlockDevices& devices, v1::CgroupSample& sample) {
  static const v1::CgroupSample nothing_offered = NothingOffered();
  sample = nothing_offered;
  sample.set_cgroup(path_);
  sample.set_inode(inode_);
  const int64_t begin_ns = MonotonicNs();
  sample.set_read_begin_ns(begin_ns);
  if (held_ == 0 && !OpenAll()) {
    CloseAll();
    return Result::kNoDescriptors;
  }
  asked_all_ = begin_ns >= next_whole_ns_;
  if (asked_all_) next_whole_ns_ = begin_ns + kWholeEveryNs;
  CgroupReading reading{.sample = sample, .devices = devices, .past = past_, .whole = asked_all_};
  bool removed = false;
  bool anchor_read = false;
  for (File& file : files_) {
    if (!file.fd.ok()) continue;
    const auto need = file.kind->need;
    const FileNeed needed = need == nullptr ? FileNeed::kRead : need(file.last, reading);
    if (needed == FileNeed::kSame) file.kind->fill(file.last, reading);
    if (needed != FileNeed::kRead) continue;
    const auto text = buffer.Read(file.fd.get());
    if (text.has_value()) {
      file.kind->fill(*text, reading);
      anchor_read |= file.directory == anchor_;
    } else if (errno == ENODEV) {
      removed = true;
      break;
    }
    if (need != nullptr) file.last = text.value_or("");
  }
  past_ = PastOf(sample, past_);
  sample.set_read_end_ns(MonotonicNs());
  // The kernel prints no file of a removed cgroup, so a held one that could be read proves that the cgroup was there.
  if (genuine_ && held_ > 0 && anchor_read && !removed) return Result::kRead;
  // Asked last, as plain files outlive their directory: a removal in mid-read shows here too.
  const Result result = Identify();
  if (held_ == 0) CloseAll();
  return removed && result == Result::kRead ? Result::kGone : result;
}

}  // namespace assay
