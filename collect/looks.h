#ifndef ASSAY_COLLECT_LOOKS_H_
#define ASSAY_COLLECT_LOOKS_H_

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "assay/v1/record.pb.h"

namespace assay {

// All that was there when a target's records were read once.
struct Look {
  std::vector<v1::TaskRecord> tasks;
  std::vector<v1::MetricSample> metrics;
  std::string problem;   // of what could not be understood
  bool partial = false;  // some of the target's records were not there to be read: a later look may do better
};

// What one look after the other says: which records are new, whether anything has changed, whether they are complete.
// Pure: time comes in as an argument.
class Looks {
 public:
  Looks(uint64_t expected, int64_t quiet_ns) : expected_(expected), quiet_ns_(quiet_ns) {}

  // A look at an instant since T0. Records of which the target does not tell when it wrote them get the instant of the
  // look that saw them first as they are: unfinished, or with an end.
  void Add(Look&& look, int64_t at_ns);

  // At the last look: as many as expected, all of them tell of an end, it was not partial, and nothing has changed for
  // so long.
  bool Done() const;

  // Tasks that have a record, however often they were tried; samples.
  uint64_t records() const { return records_; }
  uint64_t expected() const { return expected_; }
  // All but hook, origin, time and error.
  void Fill(v1::Collection& collection) const;
  Look TakeLast() { return std::move(last_); }

 private:
  const uint64_t expected_;
  const int64_t quiet_ns_;
  Look last_;
  bool partial_ = false;
  uint64_t looks_ = 0;
  uint64_t records_ = 0;
  uint64_t unfinished_ = 0;  // of `records_`, like `negative_`
  uint64_t negative_ = 0;
  int64_t at_ns_ = 0;
  int64_t changed_ns_ = 0;  // the look at which something was new or different
  uint64_t changed_look_ = 0;
  uint64_t fingerprint_ = 0;        // of all records, in any order
  std::optional<int64_t> told_ns_;  // latest instant of recording that the target tells
  absl::flat_hash_map<uint64_t, int64_t>
      seen_ns_;  // by a record's name and whether it has an end: the look that saw it first
};

}  // namespace assay

#endif  // ASSAY_COLLECT_LOOKS_H_
