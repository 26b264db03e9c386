#include "coordinator/verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/units.h"
#include "coordinator/absence.h"
#include "coordinator/task_flags.h"

namespace assay {
namespace {

constexpr double kDefaultFailures = 0.01;
constexpr int64_t kDefaultSlipP99Ns = 5'000'000;
constexpr int64_t kDefaultStartSkewNs = 20'000'000;
// Clocks are read to the nanosecond, but a run may look shorter than its bound by rounding in the draws.
constexpr double kRoundingSlack = 0.999;
constexpr int64_t kClockNs = 1000;
constexpr uint64_t kEnoughToJudgeVariance = 20;
constexpr double kQuietVariance = 0.01;
constexpr double kFewMissedTicks = 0.01;
// Half of what a trigger took, or a fifth of what was fired at most, would then be the target's.
constexpr double kNearFloorService = 2;
constexpr double kNearFloorRate = 0.8;
constexpr uint64_t kEnoughToSetBesideFloor = 20;  // of either
// Of the rate that an open loop asks for: the end of the last trigger is later than the last one is due.
constexpr double kKeptUp = 0.9;

class Judgement {
 public:
  void Add(const char* code, const char* severity, std::string detail) {
    flags_.push_back({code, severity, std::move(detail)});
  }
  Verdict Take() {
    const bool rejected =
        std::any_of(flags_.begin(), flags_.end(), [](const Flag& f) { return f.severity == "reject"; });
    return {rejected ? "rejected" : "accepted", std::move(flags_)};
  }

 private:
  std::vector<Flag> flags_;
};

// "990 skipped, 3 timeout": a generator that cannot keep up and a target that fails are two things.
std::string ByOutcome(const RunFacts& f) {
  std::string text;
  for (const auto& [count, outcome] : {std::pair{f.failed, "failed"}, std::pair{f.timeout, "timeout"},
                                       std::pair{f.cancelled, "cancelled"}, std::pair{f.skipped, "skipped"}}) {
    if (count > 0) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, outcome);
  }
  return text;
}

void JudgeOutcomes(const RunFacts& f, const v1::Limits& limits, const RunTrouble& trouble, Judgement& judgement) {
  // Lost ones are not failures of the target; agent_lost speaks of them.
  const uint64_t not_ok = f.failed + f.timeout + f.cancelled + f.skipped;
  const uint64_t all = f.ok + not_ok;
  if (all == 0) {
    if (trouble.code.empty()) judgement.Add("no_triggers", "reject", "not one trigger was fired");
    return;
  }
  // What a user stopped says nothing about the target.
  if (trouble.code == "cancelled" && f.cancelled == not_ok) return;
  const std::string example = f.first_error.empty() ? "" : fmt::format("; for example: {}", f.first_error);
  if (f.ok == 0) {
    judgement.Add("all_failed", "reject",
                  fmt::format("not one of {} triggers was ok: {}{}", all, ByOutcome(f), example));
    return;
  }
  const double limit = limits.failures_fraction() < 0 ? kDefaultFailures : limits.failures_fraction();
  const double fraction = static_cast<double>(not_ok) / static_cast<double>(all);
  if (fraction > limit) {
    judgement.Add(
        "failures", "reject",
        fmt::format("{} of {} triggers were not ok: {} ({:.2f} %, limit {:.2f} %; limits: {{failures: ...}} sets it){}",
                    not_ok, all, ByOutcome(f), fraction * 100, limit * 100, example));
  } else if (not_ok > 0) {
    judgement.Add("failures", "info",
                  fmt::format("{} of {} triggers were not ok: {} ({:.3f} %, within the limit of {:.2f} %){}", not_ok,
                              all, ByOutcome(f), fraction * 100, limit * 100, example));
  }
}

void JudgeShares(const RunFacts& f, const v1::CellSpec& cell, const v1::SweepSpec& sweep, const RunTrouble& trouble,
                 Judgement& judgement) {
  const char* on_loss = sweep.on_agent_loss() == v1::SweepSpec::ACCEPT ? "warning" : "reject";
  for (const RunFacts::Share& s : f.shares) {
    if (s.lost || s.crashed) {
      judgement.Add("agent_lost", on_loss,
                    fmt::format("agent {} {}; {} of its {} triggers are known", s.agent,
                                s.crashed ? "died and was started again" : "was not heard of until its lease was over",
                                s.rows, s.planned));
      continue;
    }
    if (s.interrupted && trouble.code.empty()) {
      judgement.Add("interrupted", on_loss,
                    fmt::format("agent {} stopped after {} triggers: {}", s.agent, s.fired, s.error));
    }
    if (s.backpressured) {
      judgement.Add("backpressured", "reject",
                    fmt::format("agent {}: results could not be written or delivered fast enough; its spool, or the "
                                "queue before it, was full and it fired nothing for {}",
                                s.agent, FormatDuration(s.backpressured_ns)));
    }
    if (s.rows != s.fired) {
      judgement.Add("rows_missing", "reject",
                    fmt::format("agent {} fired {} triggers, {} rows are stored", s.agent, s.fired, s.rows));
    }
    // With a duration too, the first that is reached ends the run; whoever stops for another reason says so.
    const bool time_was_up = cell.load().duration_ns() > 0 && s.error.empty();
    if (s.slots > 0 && s.planned > s.fired && !s.interrupted && !time_was_up && trouble.code.empty()) {
      judgement.Add("incomplete", "reject",
                    fmt::format("agent {} fired {} of its {} triggers: {}", s.agent, s.fired, s.planned,
                                s.error.empty() ? "it did not say why" : s.error));
    }
  }
}

// What an agent could only see while it fired. A driver that failed did not do what the scenario asks; what it said
// that no one understands may have cost a task's record, but no trigger's.
void JudgeFindings(const RunFacts& f, Judgement& judgement) {
  for (const RunFacts::Share& s : f.shares) {
    for (const RunFacts::Finding& finding : s.findings) {
      judgement.Add(finding.code.c_str(), finding.code == "driver_failed" ? "reject" : "warning",
                    fmt::format("agent {}: {}{}", s.agent, finding.detail,
                                finding.count > 1 ? fmt::format(" (the first of {})", finding.count) : ""));
    }
  }
}

void JudgeStart(const RunFacts& f, const v1::Limits& limits, Judgement& judgement) {
  int64_t earliest = 0;
  int64_t latest = 0;
  int64_t bound = 0;
  bool at_t0 = true;
  size_t starters = 0;
  const RunFacts::Share* last = nullptr;
  for (const RunFacts::Share& s : f.shares) {
    if (s.slots == 0 || s.rows == 0 || s.first_dispatch_ns < 0) continue;
    // In an open loop the agents' first triggers are due at different instants.
    const int64_t late = s.first_dispatch_ns - s.first_intended_ns;
    at_t0 = at_t0 && s.first_intended_ns == 0;
    if (starters++ == 0) earliest = latest = late;
    earliest = std::min(earliest, late);
    if (late >= latest) {
      latest = late;
      last = &s;
    }
    bound = std::max(bound, s.clock_bound_ns);
  }
  if (starters < 2) return;
  const bool own_limit = limits.start_skew_ns() >= 0;
  const int64_t limit = own_limit ? limits.start_skew_ns() : kDefaultStartSkewNs;
  const char* const counted = at_t0 ? "" : ", each counted from when its first trigger was due";
  // Two clocks, each known to within its bound: the true skew may be larger by both.
  if (latest - earliest > limit) {
    judgement.Add("start_skew", own_limit ? "reject" : "warning",
                  fmt::format("agents began {} apart{} (limit {}; clocks known to {}); the last was {}",
                              FormatDuration(latest - earliest), counted, FormatDuration(limit),
                              FormatDuration(2 * bound), last->agent));
  } else if (latest - earliest + 2 * bound > limit) {
    judgement.Add(
        "start_skew", "warning",
        fmt::format("agents began {} apart{}, but their clocks are known only to {}: a skew within {} is not proved",
                    FormatDuration(latest - earliest), counted, FormatDuration(2 * bound), FormatDuration(limit)));
  }
}

// Of an open loop that fell behind: what was asked for, and what came of it.
std::string FellBehind(const RunFacts& f, const v1::CellSpec& cell) {
  if (!cell.load().has_open() || f.makespan_ns <= 0) return "";
  const double ran = static_cast<double>(f.ok + f.failed + f.timeout) * 1e9 / static_cast<double>(f.makespan_ns);
  if (ran >= kKeptUp * f.offered_per_s) return "";
  return fmt::format("; {}/s were due, {}/s ran", FormatCount(f.offered_per_s), FormatCount(ran));
}

void JudgeSlip(const RunFacts& f, const v1::CellSpec& cell, const v1::Limits& limits, Judgement& judgement) {
  const bool own_limit = limits.slip_p99_ns() >= 0;
  const int64_t limit = own_limit ? limits.slip_p99_ns() : kDefaultSlipP99Ns;
  if (f.slip_p99_ns > limit) {
    judgement.Add("slip", own_limit ? "reject" : "warning",
                  fmt::format("1 % of the triggers started more than {} late (limit {}): the agents were saturated{}",
                              FormatDuration(f.slip_p99_ns), FormatDuration(limit), FellBehind(f, cell)));
  }
}

// Not the agent's doing, so apart from its slip, and never a reason to reject: what it fires at holds the slots.
void JudgeInFlight(const RunFacts& f, const v1::CellSpec& cell, Judgement& judgement) {
  if (f.waited == 0) return;
  const uint32_t cap = cell.trigger().container().in_flight();
  uint64_t room = 0;
  bool capped = false;
  for (const RunFacts::Share& s : f.shares) {
    capped |= cap > 0 && cap < s.slots;
    room += cap > 0 ? std::min(cap, s.slots) : s.slots;
  }
  judgement.Add(
      "in_flight_full", f.waited_max_ns > kDefaultSlipP99Ns ? "warning" : "info",
      fmt::format("{} of {} triggers waited up to {} for room among the {} in flight: what they are fired at "
                  "did not keep up{}; raise {} if it should be given more at once",
                  f.waited, f.ok + f.failed + f.timeout + f.cancelled + f.skipped, FormatDuration(f.waited_max_ns),
                  room, FellBehind(f, cell), capped ? "trigger.container.in_flight" : "load.open.in_flight"));
}

void JudgeSampling(const RunFacts& f, const v1::CellSpec& cell, const RunTrouble& trouble, Judgement& judgement) {
  if (!cell.has_sampling()) return;
  if (std::none_of(f.shares.begin(), f.shares.end(), [](const RunFacts::Share& s) { return s.samples; })) {
    judgement.Add("not_sampled", "warning",
                  "the scenario asks for samples, but no connected agent has the labels of sample.where");
  }
  for (const RunFacts::Share& s : f.shares) {
    if (!s.samples || s.lost) continue;
    if (s.missed_ticks > 0) {
      const double missed = static_cast<double>(s.missed_ticks) / static_cast<double>(s.missed_ticks + s.sampler_ticks);
      judgement.Add("sampler_gap", missed > kFewMissedTicks ? "warning" : "info",
                    fmt::format("agent {}: {} of {} sampling ticks were missed ({:.1f} %)", s.agent, s.missed_ticks,
                                s.missed_ticks + s.sampler_ticks, missed * 100));
    }
    const int64_t due = f.last_finished_ns + cell.sampling().cooldown_ns() - cell.sampling().every_ns();
    if (trouble.code.empty() && s.sampled_until_ns < due) {
      judgement.Add("sampling_ended_early", "warning",
                    fmt::format("agent {}: the last sample is {} before the end of the cool-down", s.agent,
                                FormatDuration(due - s.sampled_until_ns)));
    }
    if (const std::string absences = Absences(s, cell.sampling(), f.last_finished_ns); !absences.empty()) {
      judgement.Add("container_absent", "warning",
                    fmt::format("agent {}: not all that is sampled by name was there from T0 to the last finish: {}",
                                s.agent, absences));
    }
    for (const std::string& pattern : s.unmatched_cgroups) {
      // "containers: web; why that may be".
      const size_t why = pattern.find("; ");
      const std::string reason = why == std::string::npos ? "" : pattern.substr(why);
      judgement.Add(
          "cgroup_missing", "warning",
          pattern.starts_with("run;")
              ? fmt::format("agent {}: not all that the run's processes used is counted as 'run'{}", s.agent, reason)
          : pattern.starts_with("@")
              ? fmt::format("agent {} has no cgroup of the name '{}', or it is gone; start it with --cgroup {}=PATH",
                            s.agent, pattern, pattern.substr(1))
              : fmt::format("agent {}: no cgroup matched '{}'{}", s.agent, pattern.substr(0, why), reason));
    }
  }
}

// What the target's own records are worth. They are kept apart from the triggers' rows, which stand as they are.
void JudgeCollections(const RunFacts& f, Judgement& judgement) {
  for (const RunFacts::Collection& c : f.collections) {
    const std::string who = c.origin.empty() ? fmt::format("the collector on {}", c.place)
                                             : fmt::format("collector {} on {}", c.origin, c.place);
    if (!c.error.empty() || c.records < c.expected) {
      std::string detail = who;
      if (c.records < c.expected) {
        detail += fmt::format(": {} of {} task records never came ({:.1f} %), looked for over {}",
                              c.expected - c.records, c.expected,
                              100.0 * static_cast<double>(c.expected - c.records) / static_cast<double>(c.expected),
                              FormatDuration(std::llround(c.elapsed_s * 1e9)));
      }
      if (!c.error.empty()) detail += ": " + c.error;
      judgement.Add("records_missing", "warning", std::move(detail));
    }
    if (c.unfinished > 0) {
      judgement.Add("records_unfinished", "warning",
                    fmt::format("{}: {} of {} task records do not tell of an end, looked for over {}", who,
                                c.unfinished, c.records, FormatDuration(std::llround(c.elapsed_s * 1e9))));
    }
    if (c.record_lag_s && c.records > 0) {
      judgement.Add("record_lag", "info",
                    fmt::format("{}: the last of {} records was there {}{} after the last finish{}", who, c.records,
                                c.at_first_look ? "at most " : "", FormatDuration(std::llround(*c.record_lag_s * 1e9)),
                                c.quiet ? "" : ", and more may have come after the deadline"));
    }
  }
}

// All triggers the same, where no task rows tell more of it.
void JudgeVariance(const RunFacts& f, Judgement& judgement) {
  if (!f.tasks.witness.empty()) return;
  if (f.ok >= kEnoughToJudgeVariance && f.planned_rows == f.ok && f.planned_stddev_ns > 0 &&
      f.service_stddev_ns < kQuietVariance * f.planned_stddev_ns) {
    judgement.Add("zero_variance", "reject",
                  fmt::format("the triggers should differ in length (standard deviation {}), but they all took the "
                              "same ({}): results may be cached",
                              FormatDuration(std::llround(f.planned_stddev_ns)),
                              FormatDuration(std::llround(f.service_stddev_ns))));
  } else if (f.ok >= kEnoughToJudgeVariance && f.distinct_services == 1 && f.service_mean_ns > 0) {
    judgement.Add("zero_variance", "reject",
                  fmt::format("all {} triggers took exactly {}: results may be cached", f.ok,
                              FormatDuration(std::llround(f.service_mean_ns))));
  }
}

// Tasks that the target can run at once; 0 where not all drivers tell it.
int64_t Capacity(const RunFacts& f) {
  int64_t capacity = 0;
  for (const RunFacts::Share& s : f.shares) {
    if (s.slots > 0 && s.capacity == 0) return 0;
    capacity += s.capacity;
  }
  return capacity;
}

// The scenario's word is a claim: where a driver knows better its word counts.
int64_t TargetSlots(const RunFacts& f, const v1::CellSpec& cell, Judgement& judgement) {
  const int64_t told = Capacity(f);
  if (told > 0 && cell.slots() > 0 && told != cell.slots()) {
    judgement.Add(
        "slots_differ", "warning",
        fmt::format("the scenario says that the target runs {} tasks at once, its driver {}: the figures are of "
                    "the driver's {}; mend slots in the scenario, or the target",
                    cell.slots(), told, told));
  }
  return told > 0 ? told : cell.slots();
}

void JudgePlausibility(const RunFacts& f, const v1::CellSpec& cell, Judgement& judgement) {
  int64_t in_flight = 0;
  for (const RunFacts::Share& s : f.shares) in_flight += s.slots;
  const int64_t capacity = TargetSlots(f, cell, judgement);
  const auto impossible = [&](int64_t sum_ns, int64_t max_ns, int64_t slots, const char* what, const char* lengths) {
    if (slots == 0) return false;
    const double bound =
        std::max(static_cast<double>(sum_ns) / static_cast<double>(slots), static_cast<double>(max_ns));
    if (static_cast<double>(f.makespan_ns + kClockNs) >= kRoundingSlack * bound) return false;
    judgement.Add(
        "impossible", "reject",
        fmt::format("the run took {}, less than the {} that its {} need on {} slots by their {} lengths",
                    FormatDuration(f.makespan_ns), FormatDuration(std::llround(bound)), what, slots, lengths));
    return true;
  };
  if (impossible(f.planned_sum_ns, f.planned_max_ns, capacity > 0 ? capacity : in_flight, "triggers", "planned"))
    return;
  // An agent's triggers lie on one clock and on its slots, so no error between clocks can make this bound wrong. Tasks
  // run on the target's slots, and each is taken as short as its instants may err.
  if (f.tasks.witness.empty()) {
    impossible(f.service_sum_ns, f.service_max_ns, in_flight, "triggers", "measured");
  } else {
    impossible(f.tasks.least_sum_ns, f.tasks.least_max_ns, capacity, "tasks", "measured");
  }
}

// Near what triggers of this kind cost when they do nothing, a run tells of the harness and not of its target.
void JudgeFloor(const RunFacts& f, const v1::CellSpec& cell, Judgement& judgement) {
  double floor_rate = 0;
  double floor_p50_ms = 0;
  const RunFloor* slowest = nullptr;
  bool all_known = true;
  for (const RunFacts::Share& s : f.shares) {
    if (s.slots == 0) continue;
    if (s.floor && !s.floor->error.empty()) {
      judgement.Add("no_floor", "info",
                    fmt::format("agent {}: what {} triggers cost by themselves is not known: {}", s.agent,
                                s.floor->kind, s.floor->error));
    }
    const bool too_few = s.floor && s.floor->error.empty() && s.floor->triggers < kEnoughToSetBesideFloor;
    if (too_few) {
      judgement.Add("no_floor", "info",
                    fmt::format("agent {}: what {} triggers cost by themselves is known from {} of them only, too few "
                                "to set the run beside it (fewer than {}): they are slow here, or --calibrate is short",
                                s.agent, s.floor->kind, s.floor->triggers, kEnoughToSetBesideFloor));
    }
    if (!s.floor || !s.floor->error.empty() || too_few) {
      all_known = false;
      continue;
    }
    floor_rate += s.floor->rate_per_s;
    if (slowest == nullptr || s.floor->service_p50_ms > floor_p50_ms) slowest = &*s.floor;
    floor_p50_ms = slowest->service_p50_ms;
  }
  // What failed may have been quicker than nothing at all.
  const uint64_t ran = f.ok + f.failed + f.timeout;
  if (!all_known || slowest == nullptr || f.ok < kEnoughToSetBesideFloor || 2 * f.ok < ran || f.makespan_ns <= 0)
    return;
  const double p50_ms = static_cast<double>(f.service_p50_ns) / 1e6;
  const double rate = static_cast<double>(ran) * 1e9 / static_cast<double>(f.makespan_ns);
  const bool near_service = p50_ms <= kNearFloorService * floor_p50_ms;
  // The rate of an open loop is the scenario's own.
  const bool near_rate = !cell.load().has_open() && rate >= kNearFloorRate * floor_rate;
  if (!near_service && !near_rate) return;
  judgement.Add("at_floor", "warning",
                fmt::format("a median of {} and {}/s; {} triggers that do nothing have {} and {}/s here: these figures "
                            "are the harness's rather than the target's",
                            FormatDuration(f.service_p50_ns), FormatCount(rate), slowest->kind,
                            FormatDuration(std::llround(floor_p50_ms * 1e6)), FormatCount(floor_rate)));
}

}  // namespace

Verdict Judge(const RunFacts& facts, const v1::CellSpec& cell, const v1::SweepSpec& sweep, const RunTrouble& trouble) {
  Judgement judgement;
  if (!trouble.code.empty()) judgement.Add(trouble.code.c_str(), "reject", trouble.detail);
  JudgeOutcomes(facts, sweep.limits(), trouble, judgement);
  JudgeShares(facts, cell, sweep, trouble, judgement);
  JudgeFindings(facts, judgement);
  JudgeStart(facts, sweep.limits(), judgement);
  JudgeSlip(facts, cell, sweep.limits(), judgement);
  JudgeInFlight(facts, cell, judgement);
  JudgeSampling(facts, cell, trouble, judgement);
  JudgeCollections(facts, judgement);
  JudgeVariance(facts, judgement);
  JudgePlausibility(facts, cell, judgement);
  for (Flag& flag : TaskFlags(facts)) judgement.Add(flag.code.c_str(), flag.severity.c_str(), std::move(flag.detail));
  JudgeFloor(facts, cell, judgement);
  if (facts.first_of_target)
    judgement.Add("cold", "info", fmt::format("first run of target {} in this sweep", cell.target()));
  return judgement.Take();
}

}  // namespace assay
