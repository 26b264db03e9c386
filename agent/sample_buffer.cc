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

// What the series are of is never dropped: it is told once.
void SampleBuffer::Add(Readings&& readings) {
  const auto append = [](auto&& from, auto& to) { std::move(from.begin(), from.end(), std::back_inserter(to)); };
  append(std::move(readings.cgroups), held_.cgroups);
  append(std::move(readings.hosts), held_.hosts);
  append(std::move(readings.series), held_.series);
  if (t0_ns_) return PassOn();
  DropOldest(held_.cgroups);
  DropOldest(held_.hosts);
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
  for (v1::CgroupSeries& series : held_.series) {
    if (series.has_started_ns()) series.set_started_ns(series.started_ns() - *t0_ns_);
    batch_.Add(std::move(series));
  }
  for (v1::CgroupSample& sample : held_.cgroups) pass_on(sample);
  for (v1::HostSample& sample : held_.hosts) pass_on(sample);
  held_ = {};
}

}  // namespace assay
