#include "agent/pacer.h"

namespace assay {

Pacer::Pacer(const Plan& plan) : plan_(plan), unused_slots_(plan.slots) {}

int64_t Pacer::NextIntendedNs() const {
  if (stopped_ || (plan_.count > 0 && started_ == plan_.count)) return kNever;
  if (unused_slots_ > 0) return 0;
  return free_.empty() ? kNever : free_.front();
}

std::optional<Pacer::Due> Pacer::Next(int64_t now_ns) {
  const int64_t intended_ns = NextIntendedNs();
  if (intended_ns > now_ns || Exhausted(now_ns)) return std::nullopt;
  if (unused_slots_ > 0) {
    --unused_slots_;
  } else {
    free_.pop();
  }
  return Due{plan_.first_index + started_++ * plan_.stride, intended_ns};
}

bool Pacer::Exhausted(int64_t now_ns) const {
  return stopped_ || plan_.slots == 0 || (plan_.count > 0 && started_ == plan_.count) ||
         (plan_.duration_ns > 0 && now_ns > plan_.duration_ns);
}

}  // namespace assay
