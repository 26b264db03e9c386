#ifndef ASSAY_AGENT_LOAD_FIRING_LEASE_H_
#define ASSAY_AGENT_LOAD_FIRING_LEASE_H_

#include <cstdint>
#include <optional>

namespace assay {

// How long this agent may start triggers on the coordinator's last word. Monotonic ns.
struct FiringLease {
  std::optional<int64_t> until_ns;  // unset: never granted yet
  int64_t last_word_ns = 0;

  bool IsOut(int64_t now_ns) const { return until_ns && now_ns >= *until_ns; }
};

}  // namespace assay

#endif  // ASSAY_AGENT_LOAD_FIRING_LEASE_H_
