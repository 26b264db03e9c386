#ifndef ASSAY_AGENT_FLOORS_FLOOR_BOOK_H_
#define ASSAY_AGENT_FLOORS_FLOOR_BOOK_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "agent/floors/calibration.h"

namespace assay {

// The floors of this agent, by null trigger and concurrency: measured when a share first asks, and again an hour later.
// They are of this process, and so of one binary, kernel and boot. One is measured at a time. Loop's thread only.
class FloorBook {
 public:
  // `fresh_ns`: how long a floor that was measured is good for.
  explicit FloorBook(Calibration::Context context, int64_t fresh_ns = 3'600'000'000'000)
      : context_(std::move(context)), fresh_ns_(fresh_ns) {}

  // `done` gets the floor, at once or later; nothing if floors are not measured here, or not of this kind. Where the
  // spec says whose floor it wants, one that is known already will not do.
  void Find(const v1::ShareSpec& spec, std::function<void(const std::optional<v1::Floor>&)> done);

 private:
  struct Kept {
    v1::Floor floor;
    int64_t measured_ns;
  };
  struct Wanted {
    std::string key;
    v1::ShareSpec spec;
    NullTrigger null;
    int64_t since_ns;  // measured earlier will not do
    std::function<void(const std::optional<v1::Floor>&)> done;
  };

  const Kept* Find(const std::string& key, int64_t since_ns) const;
  void Next();

  const Calibration::Context context_;
  const int64_t fresh_ns_;
  std::map<std::string, Kept> kept_;
  std::deque<Wanted> wanted_;
  std::shared_ptr<Calibration> now_;  // of the first that is wanted
};

}  // namespace assay

#endif  // ASSAY_AGENT_FLOORS_FLOOR_BOOK_H_
