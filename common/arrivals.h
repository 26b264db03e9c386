#ifndef ASSAY_COMMON_ARRIVALS_H_
#define ASSAY_COMMON_ARRIVALS_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "assay/v1/scenario.pb.h"

namespace assay {

// The instants at which the triggers of an open loop are due, ns since T0, one after the other. A pure function of the
// load and the run's key: every agent goes through all of them and takes its own, so the workload is the same whatever
// their number. Rates are followed by inverting the expected number of arrivals (time rescaling; Lewis and Shedler
// 1976): evenly spaced arrivals are at 0, 1, 2, ... of it, Poisson ones at sums of unit exponentials.
class Arrivals {
 public:
  Arrivals(const v1::OpenLoop& load, uint64_t run_key);

  // Never before the last one. Nothing: the rates, waves or trace have come to their end, or beyond 200 years.
  std::optional<int64_t> Next();

 private:
  std::optional<int64_t> NextOfRates();

  v1::OpenLoop load_;
  uint64_t key_;
  uint64_t count_ = 0;
  // Of rates: the segment that the last arrival lies in, and what there was before it.
  int segment_ = 0;
  double segment_start_s_ = 0;
  double segment_start_count_ = 0;
  double expected_ = 0;  // arrivals until the last one
  // Of a trace: the last instant.
  int64_t last_ns_ = 0;
};

// How many are due before that instant; of Poisson arrivals the mean.
uint64_t ArrivalsBefore(const v1::OpenLoop& load, int64_t end_ns);

}  // namespace assay

#endif  // ASSAY_COMMON_ARRIVALS_H_
