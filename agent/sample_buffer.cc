#include "agent/sample_buffer.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>

namespace assay {
namespace {

// T0 may be long in coming (other agents prepare); what was sampled longest before it goes first.
constexpr size_t kMost = 20'000;

template <typename Samples>
void DropOldest(Samples& samples) {
  if (samples.size() > kMost) samples.erase(samples.begin(), samples.end() - kMost / 2);
}

}  // namespace

void SampleBuffer::Add(std::vector<v1::CgroupSample>&& cgroups, std::vector<v1::HostSample>&& hosts) {
  std::move(cgroups.begin(), cgroups.end(), std::back_inserter(cgroups_));
  std::move(hosts.begin(), hosts.end(), std::back_inserter(hosts_));
  if (t0_ns_) return PassOn();
  DropOldest(cgroups_);
  DropOldest(hosts_);
}

void SampleBuffer::SetT0(int64_t monotonic_ns) {
  t0_ns_ = monotonic_ns;
  PassOn();
}

void SampleBuffer::PassOn() {
  const auto pass_on = [this](auto& sample) {
    sample.set_read_begin_ns(sample.read_begin_ns() - *t0_ns_);
    sample.set_read_end_ns(sample.read_end_ns() - *t0_ns_);
    batch_.Add(std::move(sample));
  };
  for (v1::CgroupSample& sample : cgroups_) pass_on(sample);
  for (v1::HostSample& sample : hosts_) pass_on(sample);
  cgroups_.clear();
  hosts_.clear();
}

}  // namespace assay
