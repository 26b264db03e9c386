#include "cli/watch/progress.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "cli/exit_code.h"
#include "cli/table.h"
#include "common/units.h"

namespace assay {
namespace {

constexpr size_t kBarWidth = 20;
constexpr size_t kReasonsShown = 3;

std::string Count(uint64_t count) { return FormatCount(static_cast<double>(count)); }

std::string Bar(uint32_t done, uint32_t total) {
  const size_t filled = total == 0 ? 0 : std::min<size_t>(kBarWidth, kBarWidth * done / total);
  return "[" + std::string(filled, '#') + std::string(kBarWidth - filled, '.') + "]";
}

std::string Runs(const v1::SweepProgress& progress) {
  std::string text = fmt::format("{}/{} cells x blocks", progress.runs_done(), progress.sweep().runs_total());
  if (progress.sweep().rejected() > 0) text += ", " + TriesRejected(progress.sweep().rejected());
  return text;
}

std::string Eta(const v1::SweepProgress& progress) {
  if (HasEnded(progress.sweep())) return progress.sweep().state();
  if (!progress.has_eta_ns()) return "ETA unknown";
  return (progress.eta_is_least() ? "ETA at least " : "ETA ") + FormatDuration(progress.eta_ns());
}

std::string Triggers(const v1::SweepProgress& progress) {
  const std::string total = progress.triggers_total() == 0 ? "" : "/" + Count(progress.triggers_total());
  std::string text =
      fmt::format("{}{} triggers, {} failed", Count(progress.triggers_done()), total, Count(progress.not_ok()));
  if (progress.rate_per_s() > 0) text += fmt::format(", {}/s", FormatRate(progress.rate_per_s()));
  return text;
}

// "collecting records: 640 of 1,000, 12 s, deadline 60 s"
std::string Collecting(const v1::CollectorStatus& collector) {
  const std::string of = collector.expected() == 0 ? "" : " of " + Count(collector.expected());
  return fmt::format("collecting records: {}{}, {}, deadline {}", Count(collector.records()), of,
                     FormatDuration(collector.elapsed_ns()), FormatDuration(collector.deadline_ns()));
}

std::string Current(const v1::SweepProgress& progress) {
  std::string text = fmt::format("block {}: {}", progress.block(), progress.cell());
  for (const v1::CollectorStatus& collector : progress.collectors())
    text += fmt::format(" ({})", Collecting(collector));
  if (progress.collectors_size() > 0) return text;
  if (!progress.run_phase().empty()) text += fmt::format(" ({})", progress.run_phase());
  return text;
}

}  // namespace

std::string TriesRejected(uint32_t rejected) {
  return fmt::format("{} {} rejected", rejected, rejected == 1 ? "try" : "tries");
}

std::vector<std::string> RenderBlock(const v1::SweepProgress& progress, size_t width) {
  std::vector<std::string> lines;
  lines.push_back(fmt::format("sweep {} {}  {} {}  {}", progress.sweep().sweep_id(), progress.sweep().name(),
                              Bar(progress.runs_done(), progress.sweep().runs_total()), Runs(progress), Eta(progress)));
  if (progress.run_id() != 0) {
    lines.push_back("  " + Current(progress));
    lines.push_back(fmt::format("  {}, {} in flight, {}", Triggers(progress), Count(progress.in_flight()),
                                FormatDuration(progress.run_elapsed_ns())));
  } else if (!progress.doing().empty() && progress.doing() != progress.sweep().state()) {
    lines.push_back("  " + progress.doing());
  }
  for (const std::string& notice : progress.notices()) lines.push_back("  note: " + notice);
  for (std::string& line : lines) line = Shorten(line, width);
  return lines;
}

std::string RenderLine(const v1::SweepProgress& progress) {
  std::string line = fmt::format("sweep {}: {}, {}", progress.sweep().sweep_id(), Runs(progress), Eta(progress));
  if (progress.run_id() != 0) {
    line += fmt::format("; {}: {}", Current(progress), Triggers(progress));
  } else if (!progress.doing().empty() && progress.doing() != progress.sweep().state()) {
    line += "; " + progress.doing();
  }
  for (const std::string& notice : progress.notices()) line += "; note: " + notice;
  return line;
}

std::string RenderResult(const v1::RunResult& run) {
  std::string line = fmt::format("run {}  block {}  {}  {}", run.run_id(), run.block(), run.cell(), run.verdict());
  if (run.attempt() > 1) line += fmt::format(" (try {})", run.attempt());
  line += fmt::format("  {} triggers", Count(run.triggers()));
  if (run.not_ok() > 0) line += fmt::format(", {} not ok", Count(run.not_ok()));
  if (run.has_makespan_s()) line += fmt::format(", {} s", FormatNumber(run.makespan_s()));
  if (run.has_throughput_per_s()) line += fmt::format(", {}/s", FormatRate(run.throughput_per_s()));
  if (run.has_overhead_percent()) line += fmt::format(", overhead {} %", FormatNumber(run.overhead_percent()));
  // One agent more is one flag more: each kind once, and the reasons of the first few.
  std::vector<std::string> flags;
  for (const v1::FlagInfo& flag : run.flags()) {
    std::string text = fmt::format("{} ({})", flag.code(), flag.severity());
    if (std::find(flags.begin(), flags.end(), text) == flags.end()) flags.push_back(std::move(text));
  }
  if (!flags.empty()) line += fmt::format("  flags: {}", fmt::join(flags, ", "));
  size_t reasons = 0;
  for (const v1::FlagInfo& flag : run.flags()) {
    if (flag.severity() != "reject" || ++reasons > kReasonsShown) continue;
    line += fmt::format("\n    {}: {}", flag.code(), flag.detail());
  }
  if (reasons > kReasonsShown) line += fmt::format("\n    and {} more", reasons - kReasonsShown);
  return line;
}

}  // namespace assay
