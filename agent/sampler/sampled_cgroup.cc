#include "agent/sampler/sampled_cgroup.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <utility>

#include "agent/sampler/containers/container_path.h"
#include "agent/sampler/sampler.h"
#include "common/clock.h"
#include "common/pidfd.h"

namespace assay {
namespace {

// By then a container is connected to the networks that it was started with.
constexpr int64_t kConnectedNs = 3'000'000'000;

}  // namespace

NetworkNamespaces::NetworkNamespaces(std::string proc_root) : proc_root_(std::move(proc_root)) {
  struct stat info {};
  if (stat((proc_root_ + "/1/net/dev").c_str(), &info) == 0) host_ = info.st_ino;
}

absl::StatusOr<std::unique_ptr<SampledCgroup>> SampledCgroup::Open(const CgroupLayout& layout, const std::string& path,
                                                                   std::optional<Container> container,
                                                                   DescriptorBudget& budget,
                                                                   NetworkNamespaces& namespaces) {
  auto reader = CgroupReader::Open(layout, path, budget);
  if (!reader.ok()) return reader.status();
  std::unique_ptr<SampledCgroup> sampled(new SampledCgroup(budget, namespaces));
  sampled->reader_ = *std::move(reader);
  sampled->container_ = std::move(container);
  sampled->FindProcess();
  return sampled;
}

absl::StatusOr<std::unique_ptr<SampledCgroup>> SampledCgroup::OpenRun(
    const CgroupLayout& layout, const std::map<std::string, std::string>& directories, DescriptorBudget& budget,
    NetworkNamespaces& namespaces) {
  auto reader = CgroupReader::Open(layout, kRunCgroup, directories, budget);
  if (!reader.ok()) return reader.status();
  std::unique_ptr<SampledCgroup> sampled(new SampledCgroup(budget, namespaces));
  sampled->reader_ = *std::move(reader);
  return sampled;
}

SampledCgroup::~SampledCgroup() {
  if (network_.ok()) namespaces_.GiveBack(namespace_);
  budget_.left += held_;
}

void SampledCgroup::OpenMissing() {
  reader_->OpenMissing();
  FindProcess();
}

void SampledCgroup::FindProcess() {
  if (!container_) return;
  if (!process_) {
    process_ = FindContainerProcess(reader_->DirectoryPaths(), namespaces_.proc_root());
    if (!process_) return;
    if (budget_.left > 0) death_ = OpenPidfd(process_->pid);
    if (death_.ok()) {
      ++held_;
      --budget_.left;
    }
  }
  if (!network_.ok()) OpenNetwork();
}

// The open file keeps showing the namespace, whatever becomes of the process.
void SampledCgroup::OpenNetwork() {
  if (budget_.left <= 0) return;
  const std::string path = fmt::format("{}/{}/net/dev", namespaces_.proc_root(), process_->pid);
  Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info {};
  if (!file.ok() || fstat(file.get(), &info) != 0 || !namespaces_.Take(info.st_ino)) return;
  network_ = std::move(file);
  namespace_ = info.st_ino;
  ++held_;
  --budget_.left;
}

CgroupReader::Result SampledCgroup::Read(TextBuffer& buffer, BlockDevices& devices, v1::CgroupSample& sample) {
  const CgroupReader::Result result = reader_->Read(buffer, devices, sample);
  if (result != CgroupReader::Result::kRead) return result;
  ++samples_;
  if (!network_.ok()) return result;
  const auto totals = ReadNetwork(buffer, sample.read_begin_ns());
  if (!totals) return result;
  sample.set_net_rx_bytes(totals->rx_bytes);
  sample.set_net_tx_bytes(totals->tx_bytes);
  sample.set_net_rx_packets(totals->rx_packets);
  sample.set_net_tx_packets(totals->tx_packets);
  sample.set_read_end_ns(MonotonicNs());
  return result;
}

// An interface that a running container gets later shows when all is asked.
std::optional<NetworkTotals> SampledCgroup::ReadNetwork(TextBuffer& buffer, int64_t now_ns) {
  const bool connected = now_ns - process_->started_ns > kConnectedNs;
  if (!has_interface_ && connected && !reader_->asked_all()) return NetworkTotals();
  const auto text = buffer.Read(network_.get());
  const auto totals = text ? ParseNetDev(*text) : std::nullopt;
  has_interface_ = !totals || totals->interfaces > 0;
  return totals;
}

std::optional<v1::CgroupSeries> SampledCgroup::Tell() {
  if (samples_ == 0 || (told_ && told_start_ == process_.has_value())) return std::nullopt;
  told_ = true;
  told_start_ = process_.has_value();
  v1::CgroupSeries series;
  series.set_cgroup(reader_->path());
  series.set_inode(reader_->inode());
  series.set_unit(UnitOfCgroup(reader_->path()));
  if (process_) series.set_started_ns(process_->started_ns);
  if (!container_) return series;
  series.set_container(container_->name);
  series.set_container_id(container_->id);
  series.set_image(container_->image);
  series.mutable_labels()->insert(container_->labels.begin(), container_->labels.end());
  series.set_compose_project(LabelOf(container_->labels, "com.docker.compose.project"));
  series.set_compose_service(LabelOf(container_->labels, "com.docker.compose.service"));
  series.set_pod(container_->pod);
  series.set_pod_namespace(container_->pod_namespace);
  return series;
}

}  // namespace assay
