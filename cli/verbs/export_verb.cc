#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "cli/exit_code.h"
#include "cli/json_line.h"
#include "cli/verbs/endpoint.h"
#include "cli/verbs/export_files.h"
#include "cli/verbs/verb.h"
#include "cli/watch/progress_printer.h"

namespace assay {
namespace {

struct ExportOptions {
  EndpointOptions endpoint;
  std::string sweep;
  std::string format;
  std::vector<std::string> views;
  std::string to;
  bool all = false;
};

int Export(const ExportOptions& options) {
  if (!options.views.empty() && options.format != "csv")
    return Fail(absl::InvalidArgumentError("--view goes with --format csv only"));
  if (options.all && options.format != "gust") {
    return Fail(absl::InvalidArgumentError(
        options.format == "csv" ? "--all goes with --format gust only; csv has the runs of every verdict anyhow"
                                : "--all goes with --format gust only; the RADPS file has no column for a verdict"));
  }
  const absl::StatusOr<SweepEndpoint> sweep = FindSweep(options.endpoint, options.sweep, /*stored=*/true);
  if (!sweep.ok()) return Fail(sweep.status());
  v1::ExportRequest request;
  request.set_sweep_id(sweep->sweep_id);
  request.set_format(options.format);
  request.mutable_views()->Assign(options.views.begin(), options.views.end());
  request.set_rejected_too(options.all);
  ExportFiles files(options.to);
  std::string note;
  absl::Status status = sweep->endpoint.client->Export(request, [&](const v1::ExportChunk& chunk) {
    if (chunk.note().empty()) return files.Take(chunk);
    note = chunk.note();
    return absl::OkStatus();
  });
  if (status.ok()) status = files.Finish();
  if (!status.ok()) return Fail(status);
  std::string text;
  for (const auto& [path, bytes] : files.written()) {
    text += options.endpoint.json
                ? fmt::format("{{\"type\":\"file\",\"path\":{},\"bytes\":{}}}\n", JsonString(path), bytes)
                : path + "\n";
  }
  WriteAll(STDOUT_FILENO, text);
  if (!note.empty()) {
    const char* mend = options.format == "gust" && !options.all ? "; --all writes rejected runs too" : "";
    WriteAll(STDERR_FILENO, fmt::format("assay: {}{}\n", note, mend));
  }
  return kExitAccepted;
}

}  // namespace

void AddExportVerb(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("export", "Write a sweep's results as files");
  auto options = std::make_shared<ExportOptions>();
  AddEndpointOptions(*verb, options->endpoint);
  verb->add_option("SWEEP", options->sweep, "The sweep's id, or `last`")->required()->type_name("");
  verb->add_option(
          "--format", options->format,
          "gust: *_docker_stats.csv and *_triggers.csv of accepted runs, and which is which in "
          "sweep-N_runs.csv; radps: the RADPS benchmark's CSV of accepted runs; csv: tables and views, a file each")
      ->required()
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"gust", "radps", "csv"}).description(""));
  verb->add_option(
          "--view", options->views,
          "For csv: a view or table; may be repeated. Without it: all tables as they are stored, and all views "
          "but task_instant and task_wait, which retell each row of task and task_time")
      ->type_name("VIEW")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false);
  verb->add_flag("--all", options->all, "For gust: rejected runs too, as *.rejected.csv");
  verb->add_option("--to", options->to, "Directory; made if it is not there")->required()->type_name("DIR");
  verb->footer(
      fmt::format("Example:  assay export last --format csv --view run_summary --view task_time --to results/\n\n{}",
                  kExitCodesHelp));
  verb->callback([&action, options] { action = [options] { return Export(*options); }; });
}

}  // namespace assay
