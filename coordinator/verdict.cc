#include "coordinator/verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "common/units.h"
#include "coordinator/collection_flags.h"
#include "coordinator/floor_flags.h"
#include "coordinator/plausibility_flags.h"
#include "coordinator/sampling_flags.h"
#include "coordinator/task_flags.h"

namespace assay {
namespace {

constexpr double kDefaultFailures = 0.01;
// Of fewer, 1 % is a handful: what one stall of a host makes late.
constexpr uint64_t kEnoughToBeSaturated = 1'000;
constexpr int64_t kDefaultSlipP99Ns = 5'000'000;
constexpr int64_t kDefaultStartSkewNs = 20'000'000;
constexpr double kMostMakespanError = 0.03;  // of the makespan, without a word about it
// Of the rate that an open loop asks for: the end of the last trigger is later than the last one is due.
constexpr double kKeptUp = 0.9;

class Judgement {
 public:
  void Add(const char* code, const char* severity, std::string detail) {
    flags_.push_back({code, severity, std::move(detail)});
  }
  void Add(std::vector<Flag> flags) {
    flags_.insert(flags_.end(), std::make_move_iterator(flags.begin()), std::make_move_iterator(flags.end()));
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
  if (f.slip_p99_ns <= limit) return;
  const uint64_t triggers = f.ok + f.failed + f.timeout;
  const std::string why =
      triggers >= kEnoughToBeSaturated
          ? "the agents were saturated"
          : fmt::format("of {}, one stall of a host is enough for that", Counted(triggers, "trigger"));
  judgement.Add("slip", own_limit ? "reject" : "warning",
                fmt::format("1 % of the triggers started more than {} late (limit {}): {}{}",
                            FormatDuration(f.slip_p99_ns), FormatDuration(limit), why, FellBehind(f, cell)));
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

// The makespan and every figure that is made of it then hold the wait for a look, which is the harness's.
void JudgeLooks(const RunFacts& f, const v1::CellSpec& cell, Judgement& judgement) {
  if (static_cast<double>(f.makespan_error_ns) <= kMostMakespanError * static_cast<double>(f.makespan_ns)) return;
  judgement.Add(
      "makespan_error", "warning",
      fmt::format("the makespan of {} may be {} too long ({:.1f} %): it ends when the completion saw that the "
                  "last work had ended, and it looks every {}; make completion.every shorter, or the work "
                  "longer",
                  FormatDuration(f.makespan_ns), FormatDuration(f.makespan_error_ns),
                  100 * static_cast<double>(f.makespan_error_ns) / static_cast<double>(f.makespan_ns),
                  FormatDuration(cell.trigger().completion().every_ns())));
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
  judgement.Add(SamplingFlags(facts, cell, trouble));
  judgement.Add(CollectionFlags(facts));
  JudgeLooks(facts, cell, judgement);
  judgement.Add(PlausibilityFlags(facts, cell));
  judgement.Add(TaskFlags(facts));
  judgement.Add(FloorFlags(facts, cell));
  if (facts.first_of_target)
    judgement.Add("cold", "info", fmt::format("first run of target {} in this sweep", cell.target()));
  return judgement.Take();
}

}  // namespace assay
