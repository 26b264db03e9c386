#include "agent/share.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <string_view>
#include <utility>
#include <vector>

#include "common/clock.h"
#include "common/units.h"

namespace assay {
namespace {

constexpr int64_t kCutGraceNs = 2'000'000'000;

}  // namespace

Share::Share(const v1::ShareSpec& spec, Context context)
    : spec_(spec),
      context_(std::move(context)),
      batch_(context_.loop, context_.sink, spec.run_id()),
      samples_(batch_),
      load_(spec, {context_.loop, context_.sink, context_.lease, batch_, [this] { LeaseRanOut(MonotonicNs()); },
                   [this] { Fired(); }}) {}

Share::~Share() {
  // As with the executor's: the load's end then only meets what was really started.
  if (run_cgroup_) run_cgroup_->StopSpawning();
  context_.loop.Cancel(t0_timer_);
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
  if (spec_.slots() == 0) return Begin(std::nullopt);
  if (!spec_.sampling().run()) return PrepareLoad();
  if (spec_.trigger().has_exec() || spec_.trigger().has_driver()) return MakeRunCgroup();
  run_cgroup_missing_ = "its triggers are no processes of the agent";
  PrepareLoad();
}

// First of all, as the trigger's kind gets its spawner.
void Share::MakeRunCgroup() {
  context_.disk.Post(
      [&loop = context_.loop, &cgroups = context_.run_cgroups, weak = weak_from_this(), run_id = spec_.run_id()] {
        loop.Post([weak, made = cgroups.Make(run_id)] {
          const std::shared_ptr<Share> self = weak.lock();
          if (!self) return;
          if (made.ok()) {
            self->run_cgroup_ = *made;
          } else {
            self->run_cgroup_missing_ = std::string(made.status().message());
          }
          // Cancelled meanwhile, when there was no kind yet to tell.
          if (self->end_when_idle_ || self->ends_alone_) return self->Begin(std::nullopt);
          self->PrepareLoad();
        });
      });
}

void Share::PrepareLoad() {
  // Only what the trigger gets has the values; `spec_` keeps the names.
  v1::ShareSpec spec = spec_;
  absl::StatusOr<HiddenTexts> hidden = context_.secrets.Fill(*spec.mutable_trigger());
  if (!hidden.ok()) {
    return Refuse(absl::Status(hidden.status().code(), fmt::format("agent '{}': {}", context_.agent_name,
                                                                   std::string(hidden.status().message()))));
  }
  load_.Prepare({.loop = context_.loop,
                 .spawner = run_cgroup_ ? run_cgroup_->spawner() : context_.spawner,
                 .run_cgroup = run_cgroup_.get(),
                 .spec = std::move(spec),
                 .agent_name = context_.agent_name,
                 .max_processes = context_.max_processes,
                 .max_sockets = context_.max_sockets,
                 .ended = nullptr},
                *std::move(hidden), [weak = weak_from_this()](const absl::Status& status) {
                  const std::shared_ptr<Share> self = weak.lock();
                  if (!self) return;
                  if (status.ok()) {
                    self->Calibrate();
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

// Only when the kind is ready: what cannot be fired needs no floor.
void Share::Calibrate() {
  context_.floors.Find(spec_, [weak = weak_from_this()](const std::optional<v1::Floor>& floor) {
    if (const std::shared_ptr<Share> self = weak.lock()) self->Begin(floor);
  });
}

// Starts the sampler, and makes the share's begin durable before its first trigger: after a crash it tells that there
// was one.
void Share::Begin(const std::optional<v1::Floor>& floor) {
  if (spec_.has_sampling()) {
    auto sink = [&loop = context_.loop, weak = weak_from_this()](Readings&& readings) {
      loop.Post([weak, readings = std::move(readings)]() mutable {
        if (const std::shared_ptr<Share> self = weak.lock()) self->samples_.Add(std::move(readings));
      });
    };
    SamplerOptions options = context_.sampler;
    if (run_cgroup_) options.run_cgroup = run_cgroup_->directories();
    sampler_ = std::make_shared<Sampler>(std::move(options), spec_.sampling(), std::move(sink));
  }
  v1::Batch batch;
  batch.set_run_id(spec_.run_id());
  v1::ShareStart& start = *batch.mutable_share_start();
  if (floor) *start.mutable_floor() = *floor;
  if (std::optional<v1::DriverInfo> driver = load_.driver()) *start.mutable_driver() = *std::move(driver);
  context_.disk.Post([&loop = context_.loop, &sink = context_.sink, weak = weak_from_this(), sampler = sampler_,
                      batch = std::move(batch)]() mutable {
    absl::Status begun = sampler ? sampler->Start() : absl::OkStatus();
    if (!begun.ok()) begun = absl::Status(begun.code(), fmt::format("cannot sample: {}", std::string(begun.message())));
    sink.Append(std::move(batch));
    if (const absl::Status spooled = sink.Flush(); !spooled.ok()) {
      begun.Update(absl::Status(spooled.code(),
                                fmt::format("cannot keep results on this agent: {}", std::string(spooled.message()))));
    }
    loop.Post([weak, begun = std::move(begun)] {
      if (const std::shared_ptr<Share> self = weak.lock()) self->Begun(begun);
    });
  });
}

void Share::Begun(const absl::Status& begun) {
  if (!begun.ok()) {
    Fault(std::string(begun.message()));
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
  samples_.SetT0(*t0_ns_);
  t0_timer_ = context_.loop.At(*t0_ns_, [this] { ReachT0(); });
}

void Share::ReachT0() {
  t0_wall_ns_ = *t0_ns_ + WallAheadNs();
  load_.Begin(*t0_ns_);
}

// To be called before the load is stopped: after that nothing is unstarted any more.
void Share::FaultUnstarted(const std::string& why, bool interrupted) {
  if (!load_.MayStart()) return;
  const uint64_t count = spec_.count();
  Fault(count > 0 ? fmt::format("{}; {} of {} triggers were not started", why, count - load_.taken(), count) : why,
        interrupted);
}

// Other kinds are ready, or not, within seconds.
void Share::StopPreparing() {
  if (spec_.trigger().has_driver()) load_.Cancel(kCutGraceNs);
}

void Share::Drain(const std::string& why, bool interrupted) {
  if (state_ == State::kPreparing || state_ == State::kReady) Fault(why, interrupted);
  if (state_ == State::kPreparing) {
    end_when_idle_ = true;
    StopPreparing();
  }
  if (state_ == State::kReady) return End();
  if (state_ != State::kRunning) return;
  FaultUnstarted(why, interrupted);
  load_.Stop();
  // T0 was still to come: there is nothing to wait for.
  if (t0_wall_ns_ == 0) Fired();
}

void Share::Cancel(const std::string& why, bool interrupted) {
  end_when_idle_ = true;
  if (std::exchange(cancelled_, true)) return;
  switch (state_) {
    case State::kPreparing:
      Fault(why, interrupted);
      return StopPreparing();
    case State::kReady:
      Fault(why, interrupted);
      return End();
    case State::kRunning:
      FaultUnstarted(why, interrupted);
      Fault(why, interrupted);  // also where all was started: what is in flight is killed
      if (t0_wall_ns_ == 0) return End();
      return load_.Cancel(kCutGraceNs);
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
  Drain(why, /*interrupted=*/true);
}

void Share::Fired() {
  state_ = State::kFired;
  context_.loop.Cancel(t0_timer_);
  batch_.Flush();
  if (end_when_idle_) return End();
  context_.changed();
  if (end_ns_) {
    EndAt(*end_ns_);
  } else if (ends_alone_ || context_.lease.IsOut(MonotonicNs())) {
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

void Share::LeaseEnded() {
  const int64_t now_ns = MonotonicNs();
  switch (state_) {
    case State::kPreparing:
    case State::kReady:
      return LeaseRanOut(now_ns);
    case State::kRunning:
      // All is started: it will have done what it was asked.
      if (!load_.MayStart()) return;
      LeaseRanOut(now_ns);
      load_.Stop();
      if (t0_wall_ns_ == 0) Fired();
      return;
    case State::kFired:
      return CooldownAlone();
    case State::kEnding:
    case State::kEnded:
    case State::kRefused:
      return;
  }
}

void Share::LeaseRanOut(int64_t now_ns) {
  ends_alone_ = true;
  const std::string why = fmt::format("lease ran out: no word from the coordinator for {}",
                                      FormatDuration(now_ns - context_.lease.last_word_ns));
  if (state_ == State::kRunning) return FaultUnstarted(why, /*interrupted=*/true);
  Fault(why, /*interrupted=*/true);
  if (state_ == State::kReady) End();
}

// Nobody says until when to sample, so it is as long as the scenario wants; if the coordinator is back by then and the
// share did all that it was asked, that is left to the coordinator after all.
void Share::CooldownAlone() {
  if (end_ns_) return;
  context_.loop.Cancel(end_timer_);
  end_timer_ = context_.loop.At(MonotonicNs() + spec_.sampling().cooldown_ns(), [this] {
    if (ends_alone_ || context_.lease.IsOut(MonotonicNs())) End();
  });
}

void Share::EndAt(int64_t monotonic_ns) {
  context_.loop.Cancel(end_timer_);
  if (!sampler_ || monotonic_ns <= MonotonicNs()) return End();
  end_timer_ = context_.loop.At(monotonic_ns, [this] { End(); });
}

// Only with nothing in flight. The sampler's last reading reaches the loop before its summary does, and both before the
// share's end. The run's cgroup is there until that reading.
void Share::End() {
  if (state_ == State::kEnding || Over()) return;
  state_ = State::kEnding;
  context_.loop.Cancel(t0_timer_);
  context_.loop.Cancel(end_timer_);
  context_.disk.Post([&loop = context_.loop, weak = weak_from_this(), sampler = sampler_, cgroup = run_cgroup_] {
    const Sampler::Summary summary = sampler ? sampler->Stop() : Sampler::Summary();
    if (cgroup) cgroup->Remove();
    loop.Post([weak, summary] {
      if (const std::shared_ptr<Share> self = weak.lock()) self->WriteEnd(summary);
    });
  });
}

void Share::WriteEnd(const Sampler::Summary& summary) {
  v1::ShareEnd end;
  end.set_fired(load_.ended());
  end.set_sampler_ticks(summary.ticks);
  end.set_missed_ticks(summary.missed_ticks);
  end.set_backpressured(load_.backpressured());
  end.set_backpressured_ns(load_.backpressured_ns());
  end.set_error(error_);
  end.set_interrupted(interrupted_);
  for (const v1::Finding& finding : load_.remarks().findings) *end.add_findings() = finding;
  for (const v1::Span& span : load_.remarks().spans) *end.add_spans() = span;
  for (const std::string& pattern : summary.unmatched_cgroups) end.add_unmatched_cgroups(pattern);
  if (run_cgroup_) run_cgroup_missing_ = run_cgroup_->Missing();
  if (!run_cgroup_missing_.empty()) end.add_unmatched_cgroups(fmt::format("{}; {}", kRunCgroup, run_cgroup_missing_));
  // Without a T0 nothing was fired, and readings have no instant to be told from: they are left out.
  if (t0_ns_) {
    end.set_clock_offset_ns(clock_.offset_ns);
    end.set_clock_bound_ns(clock_.bound_ns);
    end.set_first_dispatch_ns(load_.first_dispatch_ns());
    end.set_first_intended_ns(load_.first_intended_ns());
    if (summary.ticks > 0) end.set_sampled_until_ns(summary.last_tick_ns - *t0_ns_);
    end.set_t0_wall_ns(t0_wall_ns_ != 0 ? t0_wall_ns_ : *t0_ns_ + WallAheadNs());
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

void Share::Fault(const std::string& why, bool interrupted) {
  if (!error_.empty()) return;
  error_ = why;
  interrupted_ = interrupted;
}

v1::ShareStatus Share::Status() const {
  const auto phase = [this] {
    switch (state_) {
      case State::kPreparing:
        return v1::PREPARING;
      case State::kReady:
        return v1::READY;
      case State::kRunning:
        return v1::RUNNING;
      case State::kFired:
      case State::kEnding:
        return v1::FIRED;
      case State::kEnded:
        return v1::ENDED;
      case State::kRefused:
        return v1::REFUSED;
    }
    return v1::SHARE_PHASE_UNSPECIFIED;
  };
  v1::ShareStatus status;
  status.set_run_id(spec_.run_id());
  status.set_phase(phase());
  status.set_fired(load_.ended());
  status.set_not_ok(load_.not_ok());
  status.set_in_flight(load_.taken() - load_.ended());
  status.set_error(error_);
  for (std::string& notice : load_.Notices()) status.add_notices(std::move(notice));
  return status;
}

}  // namespace assay
