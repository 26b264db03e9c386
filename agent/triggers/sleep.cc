// The sleep trigger: a timer of the loop. A sleep of 0 is the null trigger: it ends within Fire and measures the
// harness.
#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "agent/triggers/trigger_kind.h"
#include "common/clock.h"
#include "common/counter_random.h"
#include "common/units.h"

namespace assay {
namespace {

class SleepTrigger final : public TriggerKind {
 public:
  explicit SleepTrigger(TriggerContext context) : context_(std::move(context)) {}

  ~SleepTrigger() override {
    for (const Sleep& sleep : sleeps_) context_.loop.Cancel(sleep.timer);
  }

  void Prepare(std::function<void(absl::Status)> done) override {
    done(context_.spec.trigger().sleep().has_length() ? absl::OkStatus()
                                                      : absl::InvalidArgumentError("the sleep trigger has no length"));
  }

  void Fire(v1::TriggerRecord&& record) override {
    const int64_t length_ns =
        DrawSleepNs(context_.spec.trigger().sleep().length(), context_.spec.random_key(), record.index());
    const int64_t timeout_ns = context_.spec.trigger().timeout_ns();
    const bool too_long = timeout_ns > 0 && length_ns > timeout_ns;
    const int64_t started_ns = MonotonicNs();
    record.set_planned_ns(length_ns);
    record.set_cpu_ns(-1);
    record.set_started_ns(started_ns);
    record.set_outcome(too_long ? v1::TIMEOUT : v1::OK);
    if (length_ns <= 0) {
      record.set_finished_ns(started_ns);
      context_.ended(std::move(record));
      return;
    }
    if (too_long) record.set_error("took longer than " + FormatDuration(timeout_ns));
    const size_t slot = TakeSlot();
    sleeps_[slot].record = std::move(record);
    sleeps_[slot].timer =
        context_.loop.At(started_ns + (too_long ? timeout_ns : length_ns), [this, slot] { End(slot); });
  }

  void CancelAll(int64_t /*grace_ns*/) override {
    for (size_t slot = 0; slot < sleeps_.size(); ++slot) {
      if (sleeps_[slot].timer == 0) continue;
      context_.loop.Cancel(sleeps_[slot].timer);
      sleeps_[slot].record.set_outcome(v1::CANCELLED);
      sleeps_[slot].record.set_error("cancelled");
      End(slot);
    }
  }

 private:
  struct Sleep {
    EventLoop::TimerId timer = 0;  // 0: the slot is free
    v1::TriggerRecord record;
  };

  size_t TakeSlot() {
    if (free_.empty()) {
      sleeps_.emplace_back();
      return sleeps_.size() - 1;
    }
    const size_t slot = free_.back();
    free_.pop_back();
    return slot;
  }

  void End(size_t slot) {
    v1::TriggerRecord record = std::exchange(sleeps_[slot].record, v1::TriggerRecord());
    sleeps_[slot].timer = 0;
    free_.push_back(slot);
    record.set_finished_ns(MonotonicNs());
    context_.ended(std::move(record));
  }

  TriggerContext context_;
  std::vector<Sleep> sleeps_;
  std::vector<size_t> free_;
};

}  // namespace

// Registered in registry.cc.
std::unique_ptr<TriggerKind> MakeSleepTrigger(TriggerContext context);
std::unique_ptr<TriggerKind> MakeSleepTrigger(TriggerContext context) {
  return std::make_unique<SleepTrigger>(std::move(context));
}

}  // namespace assay
