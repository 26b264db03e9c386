#ifndef ASSAY_MOCK_FAULTS_H_
#define ASSAY_MOCK_FAULTS_H_

#include <absl/status/statusor.h>

#include <atomic>
#include <cstdint>
#include <string_view>

namespace assay {

// "1s every 10s": in each period of 10 s answers are given for 9 s, and none for the last one.
struct Stall {
  int64_t for_ns = 0;  // 0: never
  int64_t every_ns = 0;

  static absl::StatusOr<Stall> Parse(std::string_view text);
  // How long nothing is answered from here on; 0: answers are given.
  int64_t LeftNs(int64_t since_start_ns) const;
};

// What goes wrong on purpose. Any thread.
class Faults {
 public:
  struct Options {
    double error_rate = 0;
    uint64_t seed = 1;
    Stall stall;
  };
  Faults(const Options& options, int64_t start_ns) : options_(options), start_ns_(start_ns) {}

  // Whether the next request is refused: a function of the seed and of how many came before, so a run can be repeated.
  bool RefusesNext();
  // monotonic clock; 0: now is no stall.
  int64_t StallLeftNs() const;

 private:
  const Options options_;
  const int64_t start_ns_;
  std::atomic<uint64_t> requests_ = 0;
};

}  // namespace assay

#endif  // ASSAY_MOCK_FAULTS_H_
