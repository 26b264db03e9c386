#include "agent/share.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

#include "agent/triggers/registry.h"
#include "common/clock.h"
#include "common/units.h"

namespace assay {
namespace {

constexpr int kStartsPerTurn = 256;
constexpr int64_t kRetryNs = 10'000'000;  // how often a full spool is looked at again
constexpr int64_t kGraceNs = 2'000'000'000;
// T0 may be long in coming (other agents prepare); what was sampled longest before it goes first.
constexpr size_t kMaxEarlySamples = 20'000;

template <typename Samples>
void DropOldest(Samples& samples) {
  if (samples.size() > kMaxEarlySamples) samples.erase(samples.begin(), samples.end() - kMaxEarlySamples / 2);
}

}  // namespace

Share::Share(const v1::ShareSpec& spec, Context context)
    : spec_(spec),
      context_(std::move(context)),
      pacer_({.first_index = spec.first_index(),
              .count = spec.count(),
              .stride = spec.stride(),
              .slots = spec.slots(),
              .duration_ns = spec.duration_ns()}),
      batch_(context_.loop, context_.sink, spec.run_id()) {}

Share::~Share() {
  context_.loop.Cancel(t0_timer_);
  context_.loop.Cancel(retry_timer_);
  context_.loop.Cancel(end_timer_);
}

absl::Status Share::Validate() const {
  const auto bad = [&](std::string_view what) {
    return absl::InvalidArgumentError(fmt::format("run {}: {}", spec_.run_id(), what));
  };
  if (spec_.duration_ns() < 0) return bad("its duration is negative");
  if (spec_.slots() > 0 && spec_.count() == 0 && spec_.duration_ns() == 0) {
    return bad("neither a number of triggers nor a duration bounds it");
  }
  if (spec_.slots() == 0 && spec_.count() > 0) return bad("it has triggers, but no slot to run them in");
  if (spec_.stride() == 0 && spec_.count() != 1 && spec_.slots() > 0) return bad("its trigger indices do not advance");
  if (spec_.trigger().timeout_ns() < 0) return bad("its timeout is negative");
  if (spec_.has_sampling() && spec_.sampling().every_ns() <= 0) return bad("its sampling interval is not positive");
  return absl::OkStatus();
}

void Share::Prepare() {
  if (const absl::Status valid = Validate(); !valid.ok()) return Refuse(valid);
  if (spec_.slots() == 0) return Begin();
  absl::StatusOr<std::unique_ptr<TriggerKind>> kind =
      MakeTriggerKind({context_.loop, context_.spawner, spec_, context_.agent_name, context_.max_processes,
                       [this](v1::TriggerRecord&& record) { TriggerEnded(std::move(record)); }});
  if (!kind.ok()) return Refuse(kind.status());
  kind_ = *std::move(kind);
  kind_->Prepare([weak = weak_from_this()](const absl::Status& status) {
    const std::shared_ptr<Share> self = weak.lock();
    if (!self) return;
    if (status.ok()) {
      self->Begin();
    } else {
      self->Refuse(status);
    }
  });
}

void Share::Refuse(const absl::Status& why) {
  Fault(std::string(why.message()));
  state_ = State::kRefused;
  context_.changed();
}

// Starts the sampler, and makes the share's begin durable before its first trigger: after a crash it tells that there
// was one.
void Share::Begin() {
  if (spec_.has_sampling()) {
    auto sink = [&loop = context_.loop, weak = weak_from_this()](std::vector<v1::CgroupSample>&& cgroups,
                                                                 std::vector<v1::HostSample>&& hosts) {
      loop.Post([weak, cgroups = std::move(cgroups), hosts = std::move(hosts)]() mutable {
        if (const std::shared_ptr<Share> self = weak.lock()) self->Sampled(std::move(cgroups), std::move(hosts));
      });
    };
    sampler_ = std::make_shared<Sampler>(context_.sampler, spec_.sampling(), std::move(sink));
  }
  v1::Batch batch;
  batch.set_run_id(spec_.run_id());
  batch.mutable_share_start()->set_first_index(spec_.first_index());
  batch.mutable_share_start()->set_count(spec_.count());
  batch.mutable_share_start()->set_slots(spec_.slots());
  context_.disk.Post([&loop = context_.loop, &sink = context_.sink, weak = weak_from_this(), sampler = sampler_,
                      batch = std::move(batch)]() mutable {
    if (sampler) sampler->Start();
    sink.Append(std::move(batch));
    loop.Post([weak, spooled = sink.Flush()] {
      if (const std::shared_ptr<Share> self = weak.lock()) self->Begun(spooled);
    });
  });
}

void Share::Begun(const absl::Status& spooled) {
  if (!spooled.ok()) {
    Fault(fmt::format("cannot keep results on this agent: {}", std::string(spooled.message())));
    refuse_at_end_ = true;
  }
  if (refuse_at_end_ || end_when_idle_ || ends_alone_) return End();
  state_ = State::kReady;
  context_.changed();
}

void Share::Run(int64_t t0_ns, const ClockOffset::Estimate& clock) {
  if (state_ != State::kReady) return;
  state_ = State::kRunning;
  clock_ = clock;
  t0_ns_ = t0_ns - clock.offset_ns;
  RebaseSamples();
  t0_timer_ = context_.loop.At(*t0_ns_, [this] { ReachT0(); });
}

void Share::ReachT0() {
  reached_t0_ = true;
  t0_wall_ns_ = WallNs() - (MonotonicNs() - *t0_ns_);
  Pump();
}

void Share::Sampled(std::vector<v1::CgroupSample>&& cgroups, std::vector<v1::HostSample>&& hosts) {
  std::move(cgroups.begin(), cgroups.end(), std::back_inserter(early_cgroups_));
  std::move(hosts.begin(), hosts.end(), std::back_inserter(early_hosts_));
  DropOldest(early_cgroups_);
  DropOldest(early_hosts_);
  if (t0_ns_) RebaseSamples();
}

void Share::RebaseSamples() {
  const auto add = [this](auto& sample) {
    sample.set_read_begin_ns(sample.read_begin_ns() - *t0_ns_);
    sample.set_read_end_ns(sample.read_end_ns() - *t0_ns_);
    batch_.Add(std::move(sample));
  };
  for (v1::CgroupSample& sample : early_cgroups_) add(sample);
  for (v1::HostSample& sample : early_hosts_) add(sample);
  early_cgroups_.clear();
  early_hosts_.clear();
}

// Starts what is due. Bounded per turn, so that a share of null triggers leaves the loop to the others.
void Share::Pump() {
  if (state_ != State::kRunning || !reached_t0_ || pumping_) return;
  pumping_ = true;
  int64_t now_ns = 0;
  for (int started = 0;; ++started) {
    const int64_t monotonic_ns = MonotonicNs();
    now_ns = monotonic_ns - *t0_ns_;
    if (pacer_.Exhausted(now_ns)) break;
    if (LeaseIsOut(monotonic_ns)) LeaseRanOut(monotonic_ns);
    if (started % 64 == 0 && HeldBack(now_ns)) break;
    if (started == kStartsPerTurn) {
      PumpLater();
      break;
    }
    const std::optional<Pacer::Due> due = pacer_.Next(now_ns);
    if (!due) break;
    if (pacer_.started() == 1) first_dispatch_ns_ = now_ns;
    v1::TriggerRecord record;
    record.set_index(due->index);
    record.set_intended_ns(due->intended_ns);
    record.set_dispatched_ns(now_ns);
    kind_->Fire(std::move(record));
  }
  pumping_ = false;
  if (pacer_.Exhausted(now_ns) && pacer_.started() == ended_triggers_) Fired();
}

void Share::PumpLater() {
  if (std::exchange(pump_posted_, true)) return;
  context_.loop.Post([weak = weak_from_this()] {
    const std::shared_ptr<Share> self = weak.lock();
    if (!self) return;
    self->pump_posted_ = false;
    self->Pump();
  });
}

// Whether something other than the pacer keeps due triggers from starting: no lease yet, or a full spool. The time that
// the spool costs is kept.
bool Share::HeldBack(int64_t now_ns) {
  const bool full = context_.sink.Full() && pacer_.NextIntendedNs() <= now_ns;
  CountBackpressure(full, now_ns);
  if (!full && context_.lease.until_ns) return false;
  context_.loop.Cancel(retry_timer_);
  retry_timer_ = context_.loop.At(MonotonicNs() + kRetryNs, [this] { Pump(); });
  return true;
}

void Share::CountBackpressure(bool full, int64_t now_ns) {
  if (full_since_ns_) backpressured_ns_ += now_ns - *full_since_ns_;
  full_since_ns_ = full ? std::optional(now_ns) : std::nullopt;
  backpressured_ |= full;
}

void Share::TriggerEnded(v1::TriggerRecord&& record) {
  const int64_t t0_ns = *t0_ns_;
  const int64_t finished_ns = record.finished_ns() - t0_ns;
  record.set_started_ns(record.started_ns() - t0_ns);
  record.set_finished_ns(finished_ns);
  ++ended_triggers_;
  if (record.outcome() != v1::OK) ++not_ok_;
  batch_.Add(std::move(record));
  pacer_.Ended(finished_ns);
  Pump();
}

void Share::StopStarting(const std::string& why) {
  if (!pacer_.Exhausted(MonotonicNs() - *t0_ns_)) {
    const uint64_t count = spec_.count();
    Fault(count > 0 ? fmt::format("{}; {} of {} triggers were not started", why, count - pacer_.started(), count)
                    : why);
  }
  pacer_.Stop();
  context_.loop.Cancel(t0_timer_);
  reached_t0_ = true;  // nothing waits for it any more
}

void Share::Drain(const std::string& why) {
  if (state_ == State::kPreparing) end_when_idle_ = true;
  if (state_ == State::kPreparing || state_ == State::kReady) Fault(why);
  if (state_ == State::kReady) return End();
  if (state_ != State::kRunning) return;
  StopStarting(why);
  Pump();
}

void Share::Cancel(const std::string& why) {
  end_when_idle_ = true;
  if (std::exchange(cancelled_, true)) return;
  switch (state_) {
    case State::kPreparing:
      return Fault(why);
    case State::kReady:
      Fault(why);
      return End();
    case State::kRunning:
      StopStarting(why);
      Fault(why);
      if (kind_) kind_->CancelAll(kGraceNs);
      return Pump();
    case State::kFired:
      return End();
    case State::kEnding:
    case State::kEnded:
    case State::kRefused:
      return;
  }
}

void Share::Leave(const std::string& why) {
  end_when_idle_ = true;
  if (state_ == State::kFired) return End();
  Drain(why);
}

void Share::Fired() {
  state_ = State::kFired;
  CountBackpressure(false, MonotonicNs() - *t0_ns_);
  context_.loop.Cancel(retry_timer_);
  batch_.Flush();
  if (end_when_idle_) return End();
  context_.changed();
  if (end_ns_) {
    EndAt(*end_ns_);
  } else if (ends_alone_ || LeaseIsOut(MonotonicNs())) {
    CooldownAlone();
  }
}

void Share::Cooldown(int64_t sample_until_ns, const std::optional<ClockOffset::Estimate>& clock) {
  // Listed with every exchange; mapped once, or the clock's jitter would move it each time.
  if (end_ns_ && cooldown_asked_ns_ == sample_until_ns) return;
  cooldown_asked_ns_ = sample_until_ns;
  end_ns_ = sample_until_ns - clock.value_or(clock_).offset_ns;
  if (state_ == State::kFired) EndAt(*end_ns_);
}

void Share::LeaseChanged() {
  const int64_t now_ns = MonotonicNs();
  if (!LeaseIsOut(now_ns)) return;
  switch (state_) {
    case State::kPreparing:
    case State::kReady:
    case State::kRunning:
      LeaseRanOut(now_ns);
      return Pump();
    case State::kFired:
      return CooldownAlone();
    case State::kEnding:
    case State::kEnded:
    case State::kRefused:
      return;
  }
}

void Share::LeaseRanOut(int64_t now_ns) {
  const std::string why = fmt::format("lease ran out: no word from the coordinator for {}",
                                      FormatDuration(now_ns - context_.lease.last_word_ns));
  // All is started: it will have done what it was asked.
  if (state_ == State::kRunning && pacer_.Exhausted(now_ns - *t0_ns_)) return;
  ends_alone_ = true;
  if (state_ == State::kRunning) return StopStarting(why);
  Fault(why);
  if (state_ == State::kReady) End();
}

// Nobody says until when to sample, so it is as long as the scenario wants; if the coordinator is back by then and the
// share did all that it was asked, that is left to the coordinator after all.
void Share::CooldownAlone() {
  if (end_ns_) return;
  context_.loop.Cancel(end_timer_);
  end_timer_ = context_.loop.At(MonotonicNs() + spec_.sampling().cooldown_ns(), [this] {
    if (ends_alone_ || LeaseIsOut(MonotonicNs())) End();
  });
}

void Share::EndAt(int64_t monotonic_ns) {
  context_.loop.Cancel(end_timer_);
  if (!sampler_ || monotonic_ns <= MonotonicNs()) return End();
  end_timer_ = context_.loop.At(monotonic_ns, [this] { End(); });
}

// Only with nothing in flight. The sampler's last reading reaches the loop before its summary does, and both before the
// share's end.
void Share::End() {
  if (state_ == State::kEnding || Over()) return;
  state_ = State::kEnding;
  context_.loop.Cancel(t0_timer_);
  context_.loop.Cancel(retry_timer_);
  context_.loop.Cancel(end_timer_);
  context_.disk.Post([&loop = context_.loop, weak = weak_from_this(), sampler = sampler_] {
    loop.Post([weak, summary = sampler ? sampler->Stop() : Sampler::Summary()] {
      if (const std::shared_ptr<Share> self = weak.lock()) self->WriteEnd(summary);
    });
  });
}

void Share::WriteEnd(const Sampler::Summary& summary) {
  v1::ShareEnd end;
  end.set_fired(ended_triggers_);
  end.set_sampler_ticks(summary.ticks);
  end.set_missed_ticks(summary.missed_ticks);
  end.set_backpressured(backpressured_);
  end.set_backpressured_ns(backpressured_ns_);
  end.set_error(error_);
  for (const std::string& pattern : summary.unmatched_cgroups) end.add_unmatched_cgroups(pattern);
  // Without a T0 nothing was fired, and readings have no instant to be told from: they are left out.
  if (t0_ns_) {
    end.set_clock_offset_ns(clock_.offset_ns);
    end.set_clock_bound_ns(clock_.bound_ns);
    end.set_first_dispatch_ns(first_dispatch_ns_);
    if (summary.ticks > 0) end.set_sampled_until_ns(summary.last_tick_ns - *t0_ns_);
    end.set_t0_wall_ns(t0_wall_ns_ != 0 ? t0_wall_ns_ : WallNs() - (MonotonicNs() - *t0_ns_));
  }
  batch_.Close(std::move(end));
  context_.disk.Post([&loop = context_.loop, &sink = context_.sink, weak = weak_from_this()] {
    loop.Post([weak, spooled = sink.Flush()] {
      const std::shared_ptr<Share> self = weak.lock();
      if (!self) return;
      if (!spooled.ok()) spdlog::error("run {}: {}", self->spec_.run_id(), std::string(spooled.message()));
      self->state_ = self->refuse_at_end_ ? State::kRefused : State::kEnded;
      self->context_.changed();
    });
  });
}

void Share::Fault(const std::string& why) {
  if (error_.empty()) error_ = why;
}

v1::ShareStatus Share::Status() const {
  v1::ShareStatus status;
  status.set_run_id(spec_.run_id());
  status.set_fired(ended_triggers_);
  status.set_not_ok(not_ok_);
  status.set_in_flight(pacer_.started() - ended_triggers_);
  status.set_error(error_);
  switch (state_) {
    case State::kPreparing:
      status.set_phase(v1::PREPARING);
      break;
    case State::kReady:
      status.set_phase(v1::READY);
      break;
    case State::kRunning:
      status.set_phase(v1::RUNNING);
      break;
    case State::kFired:
    case State::kEnding:
      status.set_phase(v1::FIRED);
      break;
    case State::kEnded:
      status.set_phase(v1::ENDED);
      break;
    case State::kRefused:
      status.set_phase(v1::REFUSED);
      break;
  }
  return status;
}

}  // namespace assay
