#include "agent/floors/calibration.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/clock.h"
#include "common/floor_bound.h"
#include "common/units.h"

namespace assay {
namespace {

constexpr uint64_t kMostTriggers = 20'000;
// Where triggers are slow the time that was asked for makes a percentile of a handful: it goes on until there are some,
// unless so little time was asked for that none can be wanted.
constexpr uint64_t kFewestTriggers = 30;
constexpr int64_t kShortestNs = 1'000'000;
constexpr int64_t kLongestNs = 2'000'000'000;
constexpr int64_t kLookAgainNs = 10'000'000;
// For the echo server to come up, for the kind to get ready, and for what was fired last to end.
constexpr int64_t kPatienceNs = 5'000'000'000;

int64_t Percentile(const std::vector<int64_t>& sorted, double fraction) {
  return sorted[static_cast<size_t>(fraction * static_cast<double>(sorted.size() - 1))];
}

v1::ShareSpec NullSpec(const v1::ShareSpec& spec, const NullTrigger& null, int64_t for_ns) {
  v1::ShareSpec wanted = spec;
  *wanted.mutable_trigger() = null.trigger;
  wanted.mutable_trigger()->set_timeout_ns(kPatienceNs);
  wanted.set_first_index(0);
  wanted.set_stride(1);
  wanted.set_count(kMostTriggers);
  wanted.set_duration_ns(for_ns < kShortestNs ? for_ns : std::max(for_ns, kLongestNs));
  wanted.set_slots(Calibration::Concurrency(spec));
  wanted.clear_sampling();
  wanted.clear_open();
  return wanted;
}

}  // namespace

// In an open loop how many are in flight follows from the target, so what is measured there is one at a time.
uint32_t Calibration::Concurrency(const v1::ShareSpec& spec) {
  return spec.has_open() ? 1 : std::min(spec.slots(), kMostNullTriggers);
}

void Calibration::Records::Append(v1::Batch&& batch) {
  for (v1::TriggerRecord& record : *batch.mutable_triggers()) all.push_back(std::move(record));
}

Calibration::Calibration(const Context& context, const v1::ShareSpec& spec, const NullTrigger& null)
    : context_(context),
      spec_(NullSpec(spec, null, context.for_ns)),
      echo_protocol_(null.echo_protocol),
      batch_(context.loop, records_, spec.run_id()) {
  floor_.set_kind(null.kind);
  floor_.set_concurrency(spec_.slots());
  floor_.set_container(spec_.trigger().container().name());
}

Calibration::~Calibration() {
  context_.loop.Cancel(patience_timer_);
  context_.loop.Cancel(enough_timer_);
}

void Calibration::Start(std::function<void(v1::Floor)> done) {
  done_ = std::move(done);
  floor_.set_measured_wall_ns(WallNs());
  const int64_t patience_ns = spec_.duration_ns() + kPatienceNs;
  patience_timer_ = context_.loop.At(MonotonicNs() + patience_ns, [this, patience_ns] {
    Fail(fmt::format("the null triggers did not end within {}", FormatDuration(patience_ns)));
  });
  if (echo_protocol_.empty()) return Fire();
  if (context_.echo_argv.empty()) return Fail("this agent has no echo server");
  if (spec_.trigger().has_driver()) {
    // The kind starts it itself, which is part of what it is.
    for (const std::string& word : context_.echo_argv) spec_.mutable_trigger()->mutable_driver()->add_argv(word);
    spec_.mutable_trigger()->mutable_driver()->add_argv(echo_protocol_);
    return Fire();
  }
  echo_ = std::make_shared<EchoChild>(context_.loop, context_.spawner, context_.echo_argv, echo_protocol_);
  echo_->Start([this](const absl::StatusOr<std::string>& address) {
    if (!address.ok()) return Fail(fmt::format("no echo server: {}", std::string(address.status().message())));
    PointAtEcho(*spec_.mutable_trigger(), *address);
    Fire();
  });
}

void Calibration::Fire() {
  load_ = std::make_unique<ShareLoad>(
      spec_, ShareLoad::Context{context_.loop, records_, context_.lease, batch_, [] {}, [this] { Fired(); }});
  load_->Prepare({.loop = context_.loop,
                  .spawner = context_.spawner,
                  .spec = spec_,
                  .agent_name = context_.agent_name,
                  .max_processes = context_.max_processes,
                  .max_sockets = context_.max_sockets,
                  .ended = nullptr},
                 HiddenTexts(), [weak = weak_from_this()](const absl::Status& ready) {
                   const std::shared_ptr<Calibration> self = weak.lock();
                   if (!self) return;
                   if (!ready.ok()) return self->Fail(std::string(ready.message()));
                   const int64_t now_ns = MonotonicNs();
                   self->load_->Begin(now_ns);
                   self->LookWhetherEnough(now_ns + self->context_.for_ns);
                 });
}

void Calibration::LookWhetherEnough(int64_t at_ns) {
  enough_timer_ = context_.loop.At(at_ns, [this] {
    enough_timer_ = 0;
    if (load_->ended() >= kFewestTriggers) return load_->Stop();
    LookWhetherEnough(MonotonicNs() + kLookAgainNs);
  });
}

void Calibration::Fired() {
  batch_.Flush();
  std::vector<int64_t> services_ns;
  int64_t last_ns = 0;
  for (const v1::TriggerRecord& record : records_.all) {
    if (record.outcome() != v1::OK) return Fail(fmt::format("a null trigger was not ok: {}", record.error()));
    last_ns = std::max(last_ns, record.finished_ns());
    // The first of each slot may have had to connect, and everything to be brought into memory.
    if (record.index() >= spec_.slots() || records_.all.size() < 2 * size_t{spec_.slots()})
      services_ns.push_back(record.finished_ns() - record.started_ns());
  }
  if (services_ns.empty() || last_ns <= 0) return Fail("not one null trigger was fired");
  std::sort(services_ns.begin(), services_ns.end());
  floor_.set_triggers(records_.all.size());
  floor_.set_rate_per_s(static_cast<double>(records_.all.size()) * 1e9 / static_cast<double>(last_ns));
  floor_.set_service_p50_ns(Percentile(services_ns, 0.5));
  floor_.set_service_p99_ns(Percentile(services_ns, 0.99));
  Tell();
}

void Calibration::Fail(const std::string& why) {
  floor_.set_error(why);
  Tell();
}

// Later: this may be within a call of the load's, which ends with this.
void Calibration::Tell() {
  if (!done_) return;
  context_.loop.Cancel(enough_timer_);
  enough_timer_ = 0;
  context_.loop.Post([weak = weak_from_this(), done = std::exchange(done_, nullptr), floor = floor_] {
    if (!weak.expired()) done(floor);
  });
}

}  // namespace assay
