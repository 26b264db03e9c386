#include "coordinator/finisher.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include "coordinator/scenario/plan.h"
#include "storage/run_facts.h"
#include "storage/table.h"

namespace assay {
namespace {

constexpr size_t kMaxJobs = 1000;
constexpr auto kRetry = std::chrono::milliseconds(500);

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

void Finisher::Refresh(int64_t run_id) {
  Job job;
  job.refresh = true;
  job.run.run_id = run_id;
  // A full queue means that many runs wait to be judged; this one's late rows are stored and counted with the next
  // refresh.
  if (!jobs_.TryPush(std::move(job)))
    spdlog::warn("run {}: late rows came, but its summary is not renewed: too many runs wait", run_id);
}

void Finisher::Run() {
  while (true) {
    std::optional<Job> job = jobs_.Pop(std::chrono::seconds(1));
    if (!job) {
      if (jobs_.Closed()) return;
      continue;
    }
    bool said = false;
    for (absl::Status status = Close(*job); !status.ok(); status = Close(*job)) {
      if (jobs_.Closed()) return;
      if (status.code() == absl::StatusCode::kAborted) continue;
      if (!std::exchange(said, true))
        spdlog::error("run {} cannot be closed yet: {}", job->run.run_id, std::string(status.message()));
      if (status.code() == absl::StatusCode::kFailedPrecondition || job->refresh) break;
      std::this_thread::sleep_for(kRetry);
    }
  }
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
  ending.list_schedule_s = durations->slots == 0 || durations->service_ns.empty()
                               ? std::numeric_limits<double>::quiet_NaN()
                               : static_cast<double>(ListScheduleNs(durations->service_ns, durations->slots)) / 1e9;
  if (absl::Status stored = SweepStore(connection_).EndRun(run.run_id, ending); !stored.ok()) return stored;
  if (!job.refresh) ended_(run.run_id, ending.verdict, agent_lost);
  return absl::OkStatus();
}

// What the judge was told when the run ended: its sweep and cell, and the trouble that its flags kept.
absl::StatusOr<Scheduler::EndRun> Finisher::Recall(int64_t run_id) {
  const absl::StatusOr<Table> found =
      Query(connection_,
            "SELECT encode(s.spec, 'hex'), encode(c.spec, 'hex'), f.code, f.detail FROM assay.run r JOIN assay.sweep s "
            "USING (sweep_id) "
            "JOIN assay.cell c USING (cell_id) LEFT JOIN assay.flag f ON f.run_id = r.run_id AND (f.code IN "
            "('refused', 'hook_failed', 'cancelled', 'run_failed') OR (f.code = 'interrupted' AND r.t0_ns IS NULL)) "
            "WHERE r.run_id = $1 LIMIT 1",
            {std::to_string(run_id)});
  if (!found.ok()) return found.status();
  if (found->rows.empty()) return absl::NotFoundError(fmt::format("run {} is gone", run_id));
  const auto bytes = [](const std::string& hex) {
    std::string out;
    for (size_t i = 0; i + 1 < hex.size(); i += 2)
      out.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
    return out;
  };
  const auto& row = found->rows[0];
  Scheduler::EndRun run;
  run.run_id = run_id;
  if (!run.sweep.ParseFromString(bytes(*row[0])) || !run.cell.ParseFromString(bytes(*row[1])))
    return absl::DataLossError(fmt::format("run {}: its stored scenario is damaged", run_id));
  if (row[2]) run.trouble = {*row[2], row[3].value_or("")};
  return run;
}

}  // namespace assay
