#ifndef ASSAY_AGENT_SAMPLER_SAMPLED_CGROUP_H_
#define ASSAY_AGENT_SAMPLER_SAMPLED_CGROUP_H_

#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "agent/cgroups/cgroup_reader.h"
#include "agent/cgroups/text_buffer.h"
#include "agent/sampler/containers/container.h"
#include "agent/sampler/containers/container_process.h"
#include "agent/sampler/host_parsers.h"
#include "common/descriptor.h"

namespace assay {

// The network namespaces that are read already: two containers may share one, and the host's is no container's. By the
// inode of their /proc/PID/net/dev, which every user may see.
class NetworkNamespaces {
 public:
  explicit NetworkNamespaces(std::string proc_root);
  const std::string& proc_root() const { return proc_root_; }
  bool Take(uint64_t inode) { return inode != host_ && taken_.insert(inode).second; }
  void GiveBack(uint64_t inode) { taken_.erase(inode); }

 private:
  std::string proc_root_;
  uint64_t host_ = 0;
  std::set<uint64_t> taken_;
};

// One series in the making: a cgroup, the container in it if there is one, and the network namespace of that.
class SampledCgroup {
 public:
  // `container`: what is known of it; nullopt for a cgroup that is none's. As for CgroupReader::Open; `budget` and
  // `namespaces` must outlive it.
  static absl::StatusOr<std::unique_ptr<SampledCgroup>> Open(const CgroupLayout& layout, const std::string& path,
                                                             std::optional<Container> container,
                                                             DescriptorBudget& budget, NetworkNamespaces& namespaces);
  // The run's own, called kRunCgroup.
  static absl::StatusOr<std::unique_ptr<SampledCgroup>> OpenRun(const CgroupLayout& layout,
                                                                const std::map<std::string, std::string>& directories,
                                                                DescriptorBudget& budget,
                                                                NetworkNamespaces& namespaces);
  ~SampledCgroup();
  SampledCgroup(const SampledCgroup&) = delete;
  SampledCgroup& operator=(const SampledCgroup&) = delete;

  CgroupReader::Result Read(TextBuffer& buffer, BlockDevices& devices, v1::CgroupSample& sample);

  // As CgroupReader::AskAll.
  void AskAll() { reader_->AskAll(); }

  // Opens what was not there before. A container's first process may appear, and enter its network namespace, a moment
  // after its cgroup was made.
  void OpenMissing();

  // Readable once the container has died; -1: not known, or forgotten.
  int death_fd() const { return death_.get(); }
  void ForgetDeath() { death_.Close(); }

  // A container whose process may be about to appear.
  bool IsNew() const { return container_ && !process_ && samples_ <= kSamplesWhileNew; }

  // What the series is of, once there is a sample of it; nullopt where that was told.
  std::optional<v1::CgroupSeries> Tell();

  const std::string& path() const { return reader_->path(); }
  const std::optional<Container>& container() const { return container_; }

 private:
  static constexpr uint32_t kSamplesWhileNew = 3;
  SampledCgroup(DescriptorBudget& budget, NetworkNamespaces& namespaces) : budget_(budget), namespaces_(namespaces) {}
  void FindProcess();
  void OpenNetwork();
  std::optional<NetworkTotals> ReadNetwork(TextBuffer& buffer, int64_t now_ns);

  DescriptorBudget& budget_;
  NetworkNamespaces& namespaces_;
  std::unique_ptr<CgroupReader> reader_;
  std::optional<Container> container_;
  int held_ = 0;  // descriptors taken from the budget besides the reader's
  std::optional<ContainerProcess> process_;
  Descriptor death_;
  Descriptor network_;
  uint64_t namespace_ = 0;
  bool has_interface_ = true;  // in that, besides lo
  uint32_t samples_ = 0;
  bool told_ = false;
  bool told_start_ = false;
};

}  // namespace assay

#endif  // ASSAY_AGENT_SAMPLER_SAMPLED_CGROUP_H_
