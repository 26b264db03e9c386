#ifndef ASSAY_COMMON_CLOCK_OFFSET_H_
#define ASSAY_COMMON_CLOCK_OFFSET_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace assay {

// Estimates how far the coordinator's clock is ahead of this agent's monotonic clock from request/answer exchanges (the
// four instants of NTP, RFC 5905 section 8). Keeps a window of recent exchanges and trusts the one with the shortest
// round trip: its error is at most half of that round trip, whatever the asymmetry of the path.
class ClockOffset {
 public:
  struct Estimate {
    int64_t offset_ns;  // coordinator = agent monotonic + offset
    int64_t bound_ns;   // |error| <= bound at the time of the exchange
  };

  // sent and answered: agent's clock; received and replied: coordinator's. All ns. Impossible exchanges are ignored.
  void Add(int64_t sent_ns, int64_t received_ns, int64_t replied_ns, int64_t answered_ns);

  // Nothing before the first exchange. The bound grows with the estimate's age by the drift two quartz clocks may have
  // (100 ppm).
  std::optional<Estimate> At(int64_t now_ns) const;

  // The coordinator's clock is another one now.
  void Reset();

 private:
  struct Exchange {
    int64_t offset_ns;
    int64_t round_trip_ns;
    int64_t at_ns;
  };
  static constexpr size_t kWindow = 64;
  std::array<Exchange, kWindow> exchanges_{};
  size_t count_ = 0;
};

}  // namespace assay

#endif  // ASSAY_COMMON_CLOCK_OFFSET_H_
