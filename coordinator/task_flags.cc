#include "coordinator/task_flags.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "common/units.h"
#include "coordinator/plausibility_flags.h"

namespace assay {
namespace {

constexpr double kFewCached = 0.01;
constexpr double kFewForeign = 0.01;
// One of 20 was run, the others are its copies.
constexpr double kNearlyAll = 0.9;
// Below it tasks that do nothing are alike; and clocks that show only multiples of it make lengths alike.
constexpr int64_t kFineNs = 100'000;

std::optional<Flag> CachedFlag(const TaskFacts& tasks) {
  if (tasks.cached == 0) return std::nullopt;
  const double fraction = static_cast<double>(tasks.cached) / static_cast<double>(tasks.cached_of);
  return Flag{"cached", fraction > kFewCached ? "reject" : "warning",
              fmt::format("{} of {} tasks were not run, the target took earlier results ({}{}): turn its cache off, or "
                          "give each task an input of its own",
                          tasks.cached, tasks.cached_of, tasks.cached_witness,
                          tasks.cached_state.empty() ? "" : fmt::format(" says {}", tasks.cached_state))};
}

// Why lengths that should differ do not; empty if they may be what they are.
std::string Alike(const RunFacts& f, const TaskFacts::Lengths& lengths) {
  if (lengths.rows < kEnoughToJudgeVariance) return "";
  const bool fine = lengths.commonest_ns >= kFineNs && lengths.commonest_ns % kFineNs != 0;
  if (lengths.commonest_ns > 0 && (fine || f.tasks.cached > 0) &&
      static_cast<double>(lengths.commonest_rows) >= kNearlyAll * static_cast<double>(lengths.rows)) {
    return fmt::format("{} of {} took exactly {}", lengths.commonest_rows, lengths.rows,
                       FormatDuration(lengths.commonest_ns));
  }
  // Where the instants are coarser than the lengths differ, nothing is known of these.
  if (f.planned_rows == f.ok && f.planned_stddev_ns > 2 * static_cast<double>(f.tasks.error_max_ns) &&
      lengths.stddev_ns < kQuietVariance * f.planned_stddev_ns) {
    return fmt::format("they should differ by a standard deviation of {}, and do by {}",
                       FormatDuration(std::llround(f.planned_stddev_ns)),
                       FormatDuration(std::llround(lengths.stddev_ns)));
  }
  return "";
}

std::optional<Flag> VarianceFlag(const RunFacts& f) {
  for (const auto& [lengths, what] :
       {std::pair{&f.tasks.bodies, "the tasks' own code ran"}, std::pair{&f.tasks.durations, "the tasks ran"}}) {
    if (const std::string why = Alike(f, *lengths); !why.empty())
      return Flag{"zero_variance", "reject",
                  fmt::format("of the lengths that {}, {}: results may be cached", what, why)};
  }
  return std::nullopt;
}

std::optional<Flag> NegativeFlag(const TaskFacts& tasks) {
  if (tasks.negative == 0) return std::nullopt;
  return Flag{
      "negative_times", tasks.negative_beyond_errors > 0 ? "warning" : "info",
      fmt::format("{} tasks have an instant before one that it must follow, {} of them by more than their instants may "
                  "err; they are kept as they are; for example: {}",
                  tasks.negative, tasks.negative_beyond_errors, tasks.negative_example)};
}

std::optional<Flag> ForeignFlag(const TaskFacts& tasks) {
  const uint64_t foreign = tasks.foreign + tasks.unborn;
  if (foreign == 0) return std::nullopt;
  const double fraction = static_cast<double>(foreign) / static_cast<double>(tasks.foreign_of);
  const std::string by = FormatDuration(tasks.foreign_by_ns);
  const std::string why =
      tasks.unborn > 0
          ? fmt::format(
                "ended after they were read, by up to {}: the collector's zone is not the one that their "
                "instants are written in, or the target's clock is ahead",
                by)
          : fmt::format(
                "had ended before T0, by up to {}: they are other runs', and spoil the figures; let the "
                "collector choose this run's ($1 are its remote ids, $2 and $3 its begin and end; by HTTP, "
                "CSV: $(run), $(remote_id)). Where they are this run's, the collector's zone is not the one "
                "that their instants are written in",
                by);
  return Flag{"records_foreign", fraction > kFewForeign ? "reject" : "warning",
              fmt::format("{} of the {} tasks that {} tells of {}", foreign, tasks.foreign_of, tasks.witness, why)};
}

const char* Words(const std::string& gap) {
  constexpr std::pair<const char*, const char*> kWords[] = {
      {"before_sent", "were begun before the client sent them"},
      {"after_known", "ended after the client knew that they were over"},
      {"body_before_start", "ran their code before they started"},
      {"body_after_finish", "ran their code after they finished"},
      {"outcome", "ended otherwise"},
  };
  for (const auto& [code, words] : kWords) {
    if (gap == code) return words;
  }
  return "have other instants";
}

// The client's word against the target's is a warning. Driver and records, two records, or records and code, may mean
// two moments by one name, which is to be told and no more.
std::optional<Flag> GapFlag(const TaskFacts& tasks) {
  if (tasks.gaps.empty()) return std::nullopt;
  const auto grave = [](const TaskFacts::Gap& g) { return g.other == "client" || g.gap == "outcome"; };
  std::vector<TaskFacts::Gap> gaps = tasks.gaps;
  std::stable_partition(gaps.begin(), gaps.end(), grave);
  std::string counts;
  for (const TaskFacts::Gap& g : gaps) {
    counts += fmt::format("{}{} tasks {}, by {} beside {}", counts.empty() ? "" : "; ", g.tasks, Words(g.gap),
                          g.witness, g.other);
    if (g.gap != "outcome") {
      counts += fmt::format(" ({} up to {}, both may err by {})", g.gap, FormatDuration(std::llround(g.max_ms * 1e6)),
                            FormatDuration(std::llround(g.error_max_ms * 1e6)));
    }
  }
  const TaskFacts::Gap& first = gaps.front();
  return Flag{"truth_gap", grave(first) ? "warning" : "info",
              fmt::format("{}; for example task {}: {} by {}, {} by {}; view truth_gap has them all", counts,
                          first.example, first.says, first.witness, first.other_says, first.other)};
}

}  // namespace

std::vector<Flag> TaskFlags(const RunFacts& facts) {
  std::vector<Flag> flags;
  for (std::optional<Flag> flag : {CachedFlag(facts.tasks), VarianceFlag(facts), NegativeFlag(facts.tasks),
                                   ForeignFlag(facts.tasks), GapFlag(facts.tasks)}) {
    if (flag) flags.push_back(*std::move(flag));
  }
  return flags;
}

}  // namespace assay
