#ifndef ASSAY_COORDINATOR_SCHEDULING_GRID_PROGRESS_H_
#define ASSAY_COORDINATOR_SCHEDULING_GRID_PROGRESS_H_

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "storage/rows.h"

namespace assay {

// How far a sweep has come through its cells: block by block, each cell once per block in the block's own order, until
// a run of it was accepted or its tries are spent. What is done is not given out again. Pure.
class GridProgress {
 public:
  struct Turn {
    uint32_t block = 0;
    uint32_t position = 0;  // of the cell
    friend bool operator<(const Turn& a, const Turn& b) {
      return std::pair(a.block, a.position) < std::pair(b.block, b.position);
    }
  };
  struct Eta {
    int64_t ns = 0;
    bool is_least = false;  // no run has told yet what it takes beyond its shortest time
  };

  explicit GridProgress(const SweepRow& sweep);

  std::optional<Turn> Next() const;
  uint32_t NextAttempt(const Turn& turn) const;
  // True if its cell is done with in this block.
  bool NoteEnded(const RunRow& run, const std::string& verdict, bool agent_lost, const v1::SweepSpec& spec);
  void NoteSpent(const RunRow& run, int64_t wall_ns);

  uint32_t PositionOf(int64_t cell_id) const { return position_of_cell_.at(cell_id); }
  uint32_t accepted() const { return accepted_; }
  uint32_t rejected() const { return rejected_; }
  uint32_t done() const { return static_cast<uint32_t>(done_.size()); }

  // Of all that is not done; `current`, if any, has been under way for so long. Nothing while nothing is known.
  std::optional<Eta> Left(const RunRow* current, int64_t under_way_ns) const;

 private:
  struct Spent {
    int64_t total_ns = 0;
    uint32_t runs = 0;
  };

  std::map<int64_t, uint32_t> position_of_cell_;
  std::vector<std::vector<uint32_t>> order_;  // per block
  std::map<Turn, uint32_t> attempts_;
  std::set<Turn> done_;
  uint32_t accepted_ = 0;
  uint32_t rejected_ = 0;
  std::map<uint32_t, Spent> spent_;   // by position: wall time of runs
  std::vector<int64_t> shortest_ns_;  // by position: of one run, as planned
};

}  // namespace assay

#endif  // ASSAY_COORDINATOR_SCHEDULING_GRID_PROGRESS_H_
