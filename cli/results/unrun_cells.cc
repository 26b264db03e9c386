#include "cli/results/unrun_cells.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

namespace assay {
namespace {

// Of a large grid nobody reads more.
constexpr size_t kUnrunNamed = 20;
constexpr size_t kBlocksNamed = 10;

std::string Blocks(const std::vector<uint32_t>& blocks) {
  const std::vector<uint32_t> named(blocks.begin(), blocks.begin() + std::min(blocks.size(), kBlocksNamed));
  return fmt::format("{} {}{}", blocks.size() == 1 ? "block" : "blocks", fmt::join(named, ", "),
                     named.size() < blocks.size() ? ", ..." : "");
}

}  // namespace

std::vector<UnrunCell> UnrunCells(const ViewRows& cells, const ViewRows& run_summary, uint32_t blocks) {
  std::map<std::string, std::set<uint32_t>> run_blocks;  // by cell_id
  for (size_t row = 0; row < run_summary.size(); ++row) {
    run_blocks[run_summary.Text(row, "cell_id")].insert(
        static_cast<uint32_t>(run_summary.Number(row, "block").value_or(0)));
  }
  std::vector<UnrunCell> unrun;
  for (size_t row = 0; row < cells.size(); ++row) {
    UnrunCell cell{cells.Text(row, "label"), {}};
    const std::set<uint32_t>& run = run_blocks[cells.Text(row, "cell_id")];
    for (uint32_t block = 1; block <= blocks; ++block) {
      if (!run.contains(block)) cell.blocks.push_back(block);
    }
    if (!cell.blocks.empty()) unrun.push_back(std::move(cell));
  }
  return unrun;
}

std::string UnrunText(const std::vector<UnrunCell>& cells, uint32_t blocks) {
  if (cells.empty()) return "";
  std::string text = "Not run:";
  for (size_t i = 0; i < std::min(cells.size(), kUnrunNamed); ++i) {
    const UnrunCell& cell = cells[i];
    text += fmt::format("{} {}", i == 0 ? "" : ",", cell.label.empty() ? "the cell" : cell.label);
    if (cell.blocks.size() < blocks) text += fmt::format(" ({})", Blocks(cell.blocks));
  }
  if (cells.size() > kUnrunNamed) text += fmt::format(", and {} more", cells.size() - kUnrunNamed);
  return text;
}

}  // namespace assay
