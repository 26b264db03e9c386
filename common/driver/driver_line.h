#ifndef ASSAY_COMMON_DRIVER_DRIVER_LINE_H_
#define ASSAY_COMMON_DRIVER_DRIVER_LINE_H_

#include <absl/status/statusor.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

// The lines of docs/driver.md: what a driver says. What it is told is in driver_order.h.

inline constexpr uint32_t kDriverProtocol = 1;
inline constexpr size_t kMostDriverLineBytes = 1 << 20;

enum class DriverInstant { kAccepted, kCreated, kScheduled, kQueued, kReady, kStarted, kFinished };
inline constexpr size_t kDriverInstants = 7;

struct DriverEvent {
  enum class Kind {  // the first as the instants
    kAccepted,
    kCreated,
    kScheduled,
    kQueued,
    kReady,
    kStarted,
    kFinished,
    kFailed,
    kCancelled,
    kDone
  };
  uint64_t index = 0;
  Kind kind = Kind::kDone;
  int64_t at_ns = 0;
  bool wall = false;  // all its instants are of the wall clock
  std::array<std::optional<int64_t>, kDriverInstants> instants_ns = {};
  std::string task, name, worker, state, error, from;
  uint32_t attempt = 0;  // 0: not told
  std::optional<bool> cached, ok;
  int64_t error_ns = 0;
  std::optional<int64_t> body_begun_ns, body_ended_ns;
};
inline constexpr size_t kDriverEvents = 10;
std::string_view DriverEventName(DriverEvent::Kind kind);
std::string_view DriverInstantName(DriverInstant instant);

// What a driver says in one line.
struct DriverLine {
  enum class Kind { kHello, kReady, kFailed, kEvents, kSpan, kDrained };
  Kind kind = Kind::kHello;
  uint32_t protocol = 0;
  uint32_t capacity = 0;
  std::string name, version, error;
  bool wall = false;  // the span's instants
  int64_t begun_ns = 0, ended_ns = 0;
  std::vector<DriverEvent> events;
  std::vector<std::string> faults;  // events that are none, in words
  std::vector<std::string> unused;  // fields that nobody reads
};
std::string_view DriverLineName(DriverLine::Kind kind);
// An error says what is wrong with the whole line.
absl::StatusOr<DriverLine> ParseDriverLine(std::string_view line);

}  // namespace assay

#endif  // ASSAY_COMMON_DRIVER_DRIVER_LINE_H_
