#include "coordinator/scheduling/grid_progress.h"

#include <algorithm>

#include "common/counter_random.h"
#include "coordinator/scenario/plan.h"

namespace assay {
namespace {

// A run that never fired says nothing about the target: it is tried again this often whatever the scenario says.
constexpr uint32_t kTriesToPrepare = 3;

// A plan of thousands of large cells must not hold up the agents: its shortest times are estimated from fewer sleeps.
constexpr uint64_t kMaxDrawnForEta = 2'000'000;
constexpr uint64_t kMaxDrawnOfACell = 100'000;

}  // namespace

GridProgress::GridProgress(const SweepRow& sweep) {
  const uint64_t drawn = std::max<uint64_t>(1, kMaxDrawnForEta / std::max<size_t>(1, sweep.cells.size()));
  for (const CellRow& cell : sweep.cells) {
    position_of_cell_[cell.cell_id] = cell.position;
    shortest_ns_.push_back(
        ShortestRunNs(cell.spec, RunKey(sweep.spec.seed(), cell.spec.key(), 1), std::min(drawn, kMaxDrawnOfACell)));
  }
  for (uint32_t block = 1; block <= sweep.spec.blocks(); ++block)
    order_.push_back(BlockOrder(sweep.spec.seed(), block, static_cast<uint32_t>(sweep.cells.size())));
}

std::optional<GridProgress::Turn> GridProgress::Next() const {
  for (uint32_t block = 1; block <= order_.size(); ++block) {
    for (const uint32_t position : order_[block - 1]) {
      if (!done_.contains({block, position})) return Turn{block, position};
    }
  }
  return std::nullopt;
}

uint32_t GridProgress::NextAttempt(const Turn& turn) const {
  const auto found = attempts_.find(turn);
  return found == attempts_.end() ? 1 : found->second + 1;
}

bool GridProgress::NoteEnded(const RunRow& run, const std::string& verdict, bool agent_lost,
                             const v1::SweepSpec& spec) {
  const Turn turn{run.block, PositionOf(run.cell_id)};
  const uint32_t attempts = attempts_[turn] = std::max(attempts_[turn], run.attempt);
  if (verdict == "accepted") {
    ++accepted_;
    return done_.insert(turn).second;
  }
  ++rejected_;
  const bool never_fired = run.t0_ns == 0 && agent_lost;
  const uint32_t tries = spec.on_agent_loss() == v1::SweepSpec::REPEAT ? spec.repeat_limit() + 1 : 1;
  const bool again = agent_lost && attempts < (never_fired ? std::max(tries, kTriesToPrepare) : tries);
  return !again && done_.insert(turn).second;
}

void GridProgress::NoteSpent(const RunRow& run, int64_t wall_ns) {
  Spent& spent = spent_[PositionOf(run.cell_id)];
  spent.total_ns += wall_ns;
  ++spent.runs;
}

// A cell that has not run yet is guessed from its shortest possible time and what runs took beyond theirs so far.
std::optional<GridProgress::Eta> GridProgress::Left(const RunRow* current, int64_t under_way_ns) const {
  double beyond = 0;
  double runs = 0;
  for (const auto& [position, spent] : spent_) {
    beyond += static_cast<double>(spent.total_ns) - static_cast<double>(shortest_ns_[position]) * spent.runs;
    runs += spent.runs;
  }
  if (runs > 0) beyond /= runs;
  double eta_ns = 0;
  for (uint32_t block = 1; block <= order_.size(); ++block) {
    for (const uint32_t position : order_[block - 1]) {
      if (done_.contains({block, position})) continue;
      const auto spent = spent_.find(position);
      double run_ns = spent != spent_.end() ? static_cast<double>(spent->second.total_ns) / spent->second.runs
                                            : static_cast<double>(shortest_ns_[position]) + beyond;
      if (current != nullptr && current->block == block && PositionOf(current->cell_id) == position)
        run_ns = std::max(0.0, run_ns - static_cast<double>(under_way_ns));
      eta_ns += run_ns;
    }
  }
  if (runs == 0 && eta_ns == 0) return std::nullopt;
  return Eta{static_cast<int64_t>(std::min(eta_ns, 9.2e18)), runs == 0};
}

}  // namespace assay
