#include "mock/timers.h"

#include <event2/event.h>

#include <utility>

namespace assay {

struct Timers::Pending {
  Timers* owner;
  std::list<Pending>::iterator self;
  event* timer;
  std::function<void()> due;
};

Timers::Timers(event_base* base) : base_(base) {}

Timers::~Timers() {
  for (const Pending& pending : pending_) event_free(pending.timer);
}

void Timers::After(int64_t ns, std::function<void()> due) {
  pending_.push_front({.owner = this, .self = {}, .timer = nullptr, .due = std::move(due)});
  Pending& pending = pending_.front();
  pending.self = pending_.begin();
  pending.timer = evtimer_new(base_, &Timers::Due, &pending);
  // Rounded up: never before its time.
  const int64_t us = (ns + 999) / 1000;
  const timeval delay{.tv_sec = us / 1'000'000, .tv_usec = us % 1'000'000};
  evtimer_add(pending.timer, &delay);
}

void Timers::Due(int /*fd*/, short /*what*/, void* argument) {
  Pending* pending = static_cast<Pending*>(argument);
  event_free(pending->timer);
  const std::function<void()> due = std::move(pending->due);
  pending->owner->pending_.erase(pending->self);
  due();
}

}  // namespace assay
