#include "cli/results/flag_kinds.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <tuple>

namespace assay {
namespace {

constexpr size_t kRunsNamed = 6;
constexpr size_t kCellsNamed = 3;
constexpr size_t kFindingsShown = 4;

}  // namespace

std::string FlagKind::RunsText() const {
  const size_t named = std::min(runs.size(), kRunsNamed);
  return fmt::format("{} {} ({}{})", runs.size(), runs.size() == 1 ? "run" : "runs",
                     fmt::join(runs.begin(), runs.begin() + static_cast<std::ptrdiff_t>(named), ", "),
                     named < runs.size() ? ", ..." : "");
}

std::string FlagKind::CellsText() const {
  const size_t named = std::min(cells.size(), kCellsNamed);
  std::string text =
      fmt::format("{}", fmt::join(cells.begin(), cells.begin() + static_cast<std::ptrdiff_t>(named), ", "));
  return named < cells.size() ? fmt::format("{} and {} more", text, cells.size() - named) : text;
}

std::vector<FlagKind> FlagKinds(const std::vector<v1::RunResult>& results) {
  std::map<std::tuple<int, std::string, std::string>, FlagKind> kinds;
  std::map<FlagKind*, std::vector<std::string>> details;
  for (const v1::RunResult& run : results) {
    for (const v1::FlagInfo& flag : run.flags()) {
      const int rank = flag.severity() == "reject" ? 0 : flag.severity() == "warning" ? 1 : 2;
      FlagKind& kind = kinds[{rank, flag.severity(), flag.code()}];
      kind.severity = flag.severity();
      kind.code = flag.code();
      if (kind.runs.empty() || kind.runs.back() != run.run_id()) kind.runs.push_back(run.run_id());
      if (std::find(kind.cells.begin(), kind.cells.end(), run.cell()) == kind.cells.end() && !run.cell().empty())
        kind.cells.push_back(run.cell());
      if (kind.runs.size() == 1) details[&kind].push_back(flag.detail());
    }
  }
  // One run may have several findings of a code, each with a fault of its own to mend.
  for (const auto& [kind, texts] : details) {
    const size_t shown = std::min(texts.size(), kFindingsShown);
    kind->example =
        fmt::format("{}", fmt::join(texts.begin(), texts.begin() + static_cast<std::ptrdiff_t>(shown), "; and: "));
    if (shown < texts.size())
      kind->example += fmt::format("; and {} more of {}: `assay sql`, view flags", texts.size() - shown, kind->code);
  }
  std::vector<FlagKind> list;
  list.reserve(kinds.size());
  for (auto& [key, kind] : kinds) list.push_back(std::move(kind));
  return list;
}

std::vector<std::string> FlagLines(const std::vector<v1::RunResult>& results) {
  std::vector<std::string> lines;
  for (const FlagKind& kind : FlagKinds(results)) {
    std::string line = fmt::format("{} {}: {}", kind.severity, kind.code, kind.RunsText());
    if (!kind.cells.empty()) line += " of " + kind.CellsText();
    if (!kind.example.empty()) line += (kind.runs.size() == 1 ? ": " : ", e.g. ") + kind.example;
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace assay
