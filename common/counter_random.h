#ifndef ASSAY_COMMON_COUNTER_RANDOM_H_
#define ASSAY_COMMON_COUNTER_RANDOM_H_

#include <cstdint>
#include <string_view>

#include "assay/v1/scenario.pb.h"

namespace assay {

// Counter-based random numbers: a value is a function of (key, counter), so any process draws the same number for
// trigger i without knowing what was drawn before. The mixing function is SplitMix64's finalizer (Steele, Lea, Flood,
// OOPSLA 2014) applied twice.
uint64_t DrawBits(uint64_t key, uint64_t counter);

// Uniform in [0, 1), 53 bits.
double DrawUnit(uint64_t key, uint64_t counter);

// The key of one run's draws.
uint64_t RunKey(uint64_t seed, uint64_t cell_key, uint32_t block);

// FNV-1a, 64 bits, mixed: stable over versions and machines, for cell keys.
uint64_t StableHash(std::string_view text);

// Length of trigger `index`'s sleep, ns, >= 0.
int64_t DrawSleepNs(const v1::SleepLength& length, uint64_t run_key, uint64_t index);

}  // namespace assay

#endif  // ASSAY_COMMON_COUNTER_RANDOM_H_
