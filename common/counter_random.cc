#include "common/counter_random.h"

#include <cmath>
#include <limits>

namespace assay {
namespace {

uint64_t Mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

constexpr uint64_t kGolden = 0x9e3779b97f4a7c15ULL;

}  // namespace

uint64_t DrawBits(uint64_t key, uint64_t counter) { return Mix(Mix(key + kGolden) + (counter + 1) * kGolden); }

double DrawUnit(uint64_t key, uint64_t counter) {
  return static_cast<double>(DrawBits(key, counter) >> 11) * 0x1.0p-53;
}

uint64_t RunKey(uint64_t seed, uint64_t cell_key, uint32_t block) { return DrawBits(DrawBits(seed, cell_key), block); }

uint64_t StableHash(std::string_view text) {
  uint64_t h = 0xcbf29ce484222325ULL;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return Mix(h);
}

int64_t DrawSleepNs(const v1::SleepLength& length, uint64_t run_key, uint64_t index) {
  switch (length.kind_case()) {
    case v1::SleepLength::kFixedNs:
      return length.fixed_ns();
    case v1::SleepLength::kUniform: {
      const auto& u = length.uniform();
      return u.min_ns() + static_cast<int64_t>(static_cast<double>(u.max_ns() - u.min_ns()) * DrawUnit(run_key, index));
    }
    case v1::SleepLength::kExponentialMeanNs: {
      const double drawn = -std::log1p(-DrawUnit(run_key, index)) * static_cast<double>(length.exponential_mean_ns());
      return drawn < 9e18 ? static_cast<int64_t>(drawn) : std::numeric_limits<int64_t>::max();
    }
    case v1::SleepLength::kList:
      return length.list().ns_size() == 0
                 ? 0
                 : length.list().ns(static_cast<int>(index % static_cast<uint64_t>(length.list().ns_size())));
    case v1::SleepLength::KIND_NOT_SET:
      return 0;
  }
  return 0;
}

}  // namespace assay
