#include "agent/load/pacer.h"

#include <algorithm>

namespace assay {
namespace {

// Where the kind has a lower cap of its own, what is due waits here, where its deadline is kept, and not in the kind.
// In a closed loop that would be another load: there the wait for the cap is slip.
uint32_t Slots(const v1::ShareSpec& spec) {
  const uint32_t cap = spec.has_open() ? spec.trigger().container().in_flight() : 0;
  return cap > 0 ? std::min(spec.slots(), cap) : spec.slots();
}

}  // namespace

Pacer::Pacer(const v1::ShareSpec& spec)
    : first_index_(spec.first_index()),
      count_(spec.count()),
      stride_(spec.stride()),
      duration_ns_(spec.duration_ns()),
      deadline_ns_(spec.open().deadline_ns()),
      slots_(Slots(spec)),
      unused_slots_(slots_) {
  if (!spec.has_open()) return;
  arrivals_.emplace(spec.open(), spec.random_key());
  if (spec.slots() > 0) TakeArrival(first_index_ + 1);
}

void Pacer::TakeArrival(uint64_t steps) {
  for (uint64_t step = 0; step < steps; ++step) {
    arrival_ns_ = arrivals_->Next();
    if (!arrival_ns_) return;
  }
  if (duration_ns_ > 0 && *arrival_ns_ >= duration_ns_) arrival_ns_.reset();
}

int64_t Pacer::SkippedFromNs(int64_t arrived_ns) const {
  int64_t from_ns = 0;
  if (deadline_ns_ == 0 || __builtin_add_overflow(arrived_ns, deadline_ns_ + 1, &from_ns)) return kNever;
  return from_ns;
}

int64_t Pacer::SlotFreeFromNs() const {
  if (unused_slots_ > 0) return 0;
  return freed_ns_.empty() ? kNever : freed_ns_.front();
}

void Pacer::TakeSlot() {
  if (unused_slots_ > 0) {
    --unused_slots_;
  } else {
    freed_ns_.pop();
  }
}

int64_t Pacer::NextDueNs() const {
  if (stopped_ || (count_ > 0 && taken_ == count_)) return kNever;
  if (arrivals_) {
    if (!arrival_ns_) return kNever;
    return SlotFreeFromNs() != kNever ? *arrival_ns_ : SkippedFromNs(*arrival_ns_);
  }
  return SlotFreeFromNs();
}

std::optional<Pacer::Due> Pacer::Next(int64_t now_ns) {
  if (NextDueNs() > now_ns || Exhausted(now_ns)) return std::nullopt;
  Due due{.index = first_index_ + taken_++ * stride_, .intended_ns = 0, .waited_ns = 0, .skipped = false};
  if (arrivals_) {
    const int64_t skipped_from_ns = SkippedFromNs(*arrival_ns_);
    due.intended_ns = *arrival_ns_;
    due.skipped = now_ns >= skipped_from_ns;
    due.waited_ns = std::max<int64_t>(0, std::min(SlotFreeFromNs(), skipped_from_ns) - due.intended_ns);
    if (!due.skipped) TakeSlot();
    TakeArrival(stride_);
  } else {
    due.intended_ns = SlotFreeFromNs();
    TakeSlot();
  }
  return due;
}

void Pacer::Ended(int64_t ended_ns) { freed_ns_.push(ended_ns); }

bool Pacer::Exhausted(int64_t now_ns) const {
  if (stopped_ || (count_ > 0 && taken_ == count_)) return true;
  if (arrivals_) return !arrival_ns_;
  return slots_ == 0 || (duration_ns_ > 0 && now_ns >= duration_ns_);
}

}  // namespace assay
