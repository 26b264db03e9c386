#ifndef ASSAY_AGENT_SAMPLER_SAMPLER_H_
#define ASSAY_AGENT_SAMPLER_SAMPLER_H_

#include <absl/status/status.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/sampler/containers/container_sources.h"
#include "assay/v1/record.pb.h"
#include "assay/v1/scenario.pb.h"

namespace assay {

// What the samples of the run's own cgroup are called, wherever that is.
inline constexpr char kRunCgroup[] = "run";

struct SamplerOptions : ContainerSources {
  std::string cgroup_root = "/sys/fs/cgroup";
  std::string proc_root = "/proc";
  std::string sys_root = "/sys";               // which block devices are stacked on others
  std::map<std::string, std::string> aliases;  // "@postgres" in a scenario -> path below the cgroup root
  // The run's own cgroup: where a hierarchy is mounted -> its directory there. Empty: none.
  std::map<std::string, std::string> run_cgroup;
};

// What was read at one time. Instants are absolute monotonic ns; the share rebases them to T0.
struct Readings {
  std::vector<v1::CgroupSample> cgroups;
  std::vector<v1::HostSample> hosts;
  std::vector<v1::CgroupSeries> series;  // each with its first samples, or soon after

  bool empty() const { return cgroups.empty() && hosts.empty() && series.empty(); }
};

// Reads cgroups and the host on a fixed-rate schedule, on a thread of its own, from Start to Stop. Ticks that could not
// be begun before the next one was due are counted as missed, never made up.
class Sampler {
 public:
  // One tick's readings, or those of something that happened between two, on the sampler's thread. Not called where
  // nothing was found to read.
  using Sink = std::function<void(Readings&&)>;

  // A period that is not set is 1 s; the shortest is 1 ms.
  Sampler(SamplerOptions options, const v1::Sampling& sampling, Sink sink);
  ~Sampler();  // stops

  // Once; the first tick is due as soon as its thread knows what to read. ResourceExhausted: there is no room for its
  // thread.
  absl::Status Start();

  struct Summary {
    uint64_t ticks = 0;
    uint64_t missed_ticks = 0;
    int64_t last_tick_ns = 0;                    // monotonic begin of the last tick, 0 if none
    std::vector<std::string> unmatched_cgroups;  // entries of the scenario that never matched
  };
  // Takes one last reading, joins the thread. Idempotent.
  Summary Stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace assay

#endif  // ASSAY_AGENT_SAMPLER_SAMPLER_H_
