#ifndef ASSAY_COMMON_DRIVER_DRIVER_TALK_H_
#define ASSAY_COMMON_DRIVER_DRIVER_TALK_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "assay/v1/record.pb.h"
#include "common/driver/driver_line.h"
#include "common/driver/driver_tasks.h"

namespace assay {

// A talk with a driver, from its hello to its last line: who it is, how far it is, what its tasks came to, and what it
// said that breaks the rules of docs/driver.md. Reads no clock and no pipe: lines and instants come in.
class DriverTalk {
 public:
  enum class Phase { kGreeting, kPreparing, kReady, kDraining, kDrained, kFailed };
  struct Fault {
    std::string what;     // which line, and what is wrong with it
    std::string excerpt;  // its beginning, as UTF-8 without control characters
    std::string mend;
  };
  using Faulted = std::function<void(const Fault& fault)>;
  // Of the instant at which a line is read: what is added to the wall clock's instants gives the monotonic clock's.
  struct Clocks {
    int64_t now_ns;
    int64_t monotonic_from_wall_ns;
  };

  DriverTalk(int64_t timeout_ns, Faulted faulted) : tasks_(timeout_ns), faulted_(std::move(faulted)) {}

  void Read(std::string_view line, const Clocks& clocks);
  // Its last line has no end.
  void ReadHalf(std::string_view line);
  // It was told to drain.
  void Drain() { phase_ = Phase::kDraining; }

  Phase phase() const { return phase_; }
  const v1::DriverInfo& info() const { return info_; }
  const std::string& error() const { return error_; }  // of kFailed
  DriverTasks& tasks() { return tasks_; }
  const std::vector<v1::Span>& spans() const { return spans_; }  // monotonic
  uint64_t lines() const { return lines_; }
  uint64_t events() const { return events_; }
  uint64_t events(DriverEvent::Kind kind) const { return kinds_[static_cast<size_t>(kind)]; }
  const std::vector<std::string>& unused() const { return unused_; }  // names of fields that nobody reads, each once
  // It says more than any driver of so many tasks has to say.
  bool Floods() const;

 private:
  void ReadEvents(const DriverLine& line, std::string_view text, const Clocks& clocks);
  void ReadSpan(const DriverLine& line, std::string_view text, const Clocks& clocks);
  void Find(const std::string& what, std::string_view text, std::string_view mend);

  Phase phase_ = Phase::kGreeting;
  DriverTasks tasks_;
  Faulted faulted_;
  v1::DriverInfo info_;
  std::string error_;
  std::vector<v1::Span> spans_;
  std::vector<std::string> unused_;
  std::array<uint64_t, kDriverEvents> kinds_ = {};
  uint64_t lines_ = 0;
  uint64_t events_ = 0;
  uint64_t faults_ = 0;
};

}  // namespace assay

#endif  // ASSAY_COMMON_DRIVER_DRIVER_TALK_H_
