#include "coordinator/finisher.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include "coordinator/scenario/plan.h"
#include "coordinator/verdict.h"
#include "storage/run_facts.h"
#include "storage/sweep_store.h"

namespace assay {
namespace {

constexpr size_t kMaxJobs = 1000;
constexpr auto kStoreRetry = std::chrono::milliseconds(500);
constexpr auto kJobWait = std::chrono::milliseconds(500);

bool IsTrouble(const std::string& code) {
  return code == "refused" || code == "hook_failed" || code == "cancelled" || code == "interrupted";
}

// NaN: nothing to replay.
double ListScheduleSeconds(const std::vector<int64_t>& durations_ns, uint32_t slots) {
  return slots == 0 || durations_ns.empty() ? std::numeric_limits<double>::quiet_NaN()
                                            : static_cast<double>(ListScheduleNs(durations_ns, slots)) / 1e9;
}

}  // namespace

Finisher::Finisher(std::string database_url, int64_t term, Ended ended)
    : connection_(std::move(database_url), "assay-coordinator finisher"), ended_(std::move(ended)), jobs_(kMaxJobs) {
  connection_.FenceWith(term);
  thread_ = std::thread([this] { Run(); });
}

Finisher::~Finisher() {
  jobs_.Close();
  thread_.join();
}

void Finisher::Finish(Scheduler::EndRun run) { jobs_.Push({false, std::move(run)}); }

// An agent that comes back brings many batches of one run: it is judged once for all that are there by then.
void Finisher::Refresh(int64_t run_id) {
  const std::lock_guard lock(mutex_);
  if (!to_refresh_.insert(run_id).second) return;
  Job job;
  job.refresh = true;
  job.run.run_id = run_id;
  if (jobs_.TryPush(std::move(job))) return;
  to_refresh_.erase(run_id);
  look_for_marked_ = true;
}

void Finisher::Run() {
  while (true) {
    if (const std::optional<Job> job = jobs_.Pop(kJobWait)) {
      Do(*job);
    } else if (jobs_.Closed()) {
      return;
    } else if (look_for_marked_.exchange(false)) {
      RefreshMarked();
    }
  }
}

void Finisher::Do(const Job& job) {
  if (job.refresh) {
    const std::lock_guard lock(mutex_);
    to_refresh_.erase(job.run.run_id);
  }
  bool said = false;
  for (absl::Status status = Close(job); !status.ok(); status = Close(job)) {
    if (jobs_.Closed()) return;
    if (status.code() == absl::StatusCode::kAborted) continue;
    if (job.refresh && absl::IsNotFound(status)) return;  // its sweep was removed
    if (!std::exchange(said, true))
      spdlog::error("run {} cannot be closed yet: {}", job.run.run_id, std::string(status.message()));
    if (status.code() == absl::StatusCode::kFailedPrecondition) return;
    if (job.refresh) {
      // It is marked in the store; the runs that end now come first.
      if (MayPass(status)) look_for_marked_ = true;
      return;
    }
    if (!MayPass(status) && CloseUnjudged(job.run.run_id, std::string(status.message())).ok()) return;
    std::this_thread::sleep_for(kStoreRetry);
  }
}

void Finisher::RefreshMarked() {
  const absl::StatusOr<std::vector<int64_t>> marked = SweepStore(connection_).RunsWithLateRows();
  if (MayPass(marked.status())) look_for_marked_ = true;
  if (!marked.ok()) return;
  for (const int64_t run_id : *marked) Refresh(run_id);
}

absl::Status Finisher::Close(const Job& job) {
  Scheduler::EndRun run = job.run;
  if (job.refresh) {
    absl::StatusOr<Scheduler::EndRun> recalled = Recall(run.run_id);
    if (!recalled.ok()) return recalled.status();
    run = *std::move(recalled);
  }
  const absl::StatusOr<RunFacts> facts = ReadRunFacts(connection_, run.run_id);
  if (!facts.ok()) return facts.status();
  const absl::StatusOr<RunDurations> durations = ReadRunDurations(connection_, run.run_id);
  if (!durations.ok()) return durations.status();

  Verdict verdict = Judge(*facts, run.cell, run.sweep, run.trouble);
  const bool agent_lost = std::any_of(verdict.flags.begin(), verdict.flags.end(), [](const Flag& f) {
    return (f.code == "agent_lost" || f.code == "interrupted") && f.severity == "reject";
  });
  SweepStore::Ending ending;
  ending.verdict = verdict.verdict;
  ending.records = facts->records;
  ending.flags = std::move(verdict.flags);
  ending.error = run.trouble.detail;
  ending.list_schedule_s = ListScheduleSeconds(durations->service_ns, durations->slots);
  ending.planned_list_schedule_s = ListScheduleSeconds(durations->planned_ns, durations->slots);
  if (absl::Status stored = SweepStore(connection_).EndRun(run.run_id, ending); !stored.ok()) return stored;
  if (!job.refresh) ended_(run.run_id, ending.verdict, agent_lost);
  return absl::OkStatus();
}

// The runs behind it must not wait for one that can never be read or judged.
absl::Status Finisher::CloseUnjudged(int64_t run_id, const std::string& why) {
  SweepStore::Ending ending;
  ending.verdict = "rejected";
  ending.error = fmt::format("the run could not be judged: {}", why);
  ending.flags = {{"not_judged", "reject", fmt::format("{}; its rows are kept", why)}};
  ending.list_schedule_s = std::numeric_limits<double>::quiet_NaN();
  if (absl::Status stored = SweepStore(connection_).EndRun(run_id, ending); !stored.ok()) return stored;
  ended_(run_id, ending.verdict, false);
  return absl::OkStatus();
}

// What the judge was told when the run ended: its sweep and cell, and the trouble that its flags kept.
absl::StatusOr<Scheduler::EndRun> Finisher::Recall(int64_t run_id) {
  absl::StatusOr<SweepStore::Judged> judged = SweepStore(connection_).GetJudged(run_id);
  if (!judged.ok()) return judged.status();
  Scheduler::EndRun run{run_id, std::move(judged->sweep), std::move(judged->cell), {}};
  for (const Flag& flag : judged->flags) {
    // Of a run that has fired it may be a share that was interrupted, and that is told by its end.
    if (flag.code == "interrupted" && judged->fired && flag.detail != judged->error) continue;
    if (IsTrouble(flag.code)) run.trouble = {flag.code, flag.detail};
  }
  return run;
}

}  // namespace assay
