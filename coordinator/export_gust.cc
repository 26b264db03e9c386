#include <absl/strings/escaping.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <map>
#include <utility>

#include "common/units.h"
#include "common/utf8.h"
#include "coordinator/docker_display.h"
#include "coordinator/export.h"
#include "storage/table.h"

// The two files that the Livebook comparison of Gust and Airflow wrote per run, so that its notebooks read Assay's
// results unchanged.
namespace assay {
namespace {

using Row = std::vector<std::optional<std::string>>;

constexpr std::string_view kStatsHeader =
    "run_id,target,captured_at,container_id,container_name,cpu_perc,mem_usage,mem_perc,net_io,block_io,pids\r\n";
constexpr std::string_view kIndexHeader =
    "run_id,assay_run_id,block,attempt,target,cell,params,verdict,flags,docker_stats_file,triggers_file\r\n";
constexpr std::string_view kTriggersHeader =
    "run_id,target,trigger_number,started_at,finished_at,duration_ms,exit_code,output\r\n";

int64_t IntegerOrUnknown(const std::optional<std::string>& text) {
  return text ? std::strtoll(text->c_str(), nullptr, 10) : -1;
}

// "gust_2026-05-08T12-00-00-123456Z"
std::string RunName(const std::string& target, int64_t t0_ns) {
  std::string name = fmt::format("{}_{}", target, UtcText(t0_ns, 'T'));
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == ':' || c == '.' || c == '/'; }, '-');
  return name;
}

std::string OneLine(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\n' || c == '\0'; }, ' ');
  const auto blank = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
  text.erase(std::find_if_not(text.rbegin(), text.rend(), blank).base(), text.end());
  text.erase(text.begin(), std::find_if_not(text.begin(), text.end(), blank));
  return text;
}

struct GustRun {
  std::string sweep_id;
  std::string run_id;
  std::string target;
  int64_t t0_ns;
  std::string name;
  std::string ending;  // of its files

  std::string StatsFile() const { return name + "_docker_stats" + ending; }
  std::string TriggersFile() const { return name + "_triggers" + ending; }
};

absl::Status Stopped() { return absl::CancelledError("the export was stopped"); }

absl::Status ExportTriggers(Connection& connection, const GustRun& run, const ExportSink& sink) {
  const std::string file = run.TriggersFile();
  if (!sink(file, kTriggersHeader)) return Stopped();
  bool stopped = false;
  absl::Status status = StreamQuery(
      connection,
      "SELECT index + 1, started_ns, finished_ns, coalesce(exit_code, CASE WHEN signal IS NOT NULL THEN 128 + signal "
      "WHEN outcome = 'ok' THEN 0 ELSE -1 END), encode(output, 'hex'), error "
      "FROM assay.trigger WHERE sweep_id = $1 AND run_id = $2 ORDER BY index",
      {run.sweep_id, run.run_id}, [&](const std::vector<std::string>&, const Row& row) {
        const auto at = [&](const std::optional<std::string>& ns) {
          return ns ? UtcText(run.t0_ns + IntegerOrUnknown(ns), ' ') : std::string();
        };
        const std::string duration =
            row[1] && row[2] ? std::to_string((IntegerOrUnknown(row[2]) - IntegerOrUnknown(row[1])) / 1'000'000) : "";
        const std::string output = row[4] ? absl::HexStringToBytes(*row[4]) : row[5].value_or("");
        stopped =
            !sink(file, fmt::format("{},{},{},{},{},{},{},{}\r\n", CsvField(run.name), CsvField(run.target), *row[0],
                                    at(row[1]), at(row[2]), duration, *row[3], CsvField(ValidText(OneLine(output)))));
        return !stopped;
      });
  if (!status.ok()) return status;
  return stopped ? Stopped() : absl::OkStatus();
}

// The readings of a run's cgroups as rows of `docker stats`, in the order of time.
class StatsRows {
 public:
  StatsRows(const GustRun& run, std::map<std::string, int64_t> memory_of_agent)
      : run_(run), memory_of_agent_(std::move(memory_of_agent)) {}

  // Empty for what `docker stats` would not have shown.
  std::string Next(const Row& row) {
    const std::string series = fmt::format("{} {} {}", *row[9], *row[1], *row[2]);
    // Two agents of one host read the same cgroup: `docker stats` would have shown it once.
    if (reader_.emplace(series, *row[10]).first->second != *row[10]) return "";
    const int64_t at_ns = IntegerOrUnknown(row[0]);
    std::string cpu = "--";
    if (const auto last = before_.find(series); row[3] && last != before_.end() && at_ns > last->second.first &&
                                                IntegerOrUnknown(row[3]) >= last->second.second) {
      cpu = fmt::format("{:.2f}%", 100.0 * static_cast<double>(IntegerOrUnknown(row[3]) - last->second.second) /
                                       static_cast<double>(at_ns - last->second.first));
    }
    if (row[3]) before_[series] = {at_ns, IntegerOrUnknown(row[3])};
    const int64_t used =
        std::max<int64_t>(0, IntegerOrUnknown(row[4]) - std::max<int64_t>(0, IntegerOrUnknown(row[5])));
    const auto total = memory_of_agent_.find(*row[10]);
    const int64_t limit = total == memory_of_agent_.end() ? -1 : total->second;
    const std::string memory =
        row[4] ? fmt::format("{} / {}", DockerBinarySize(used), limit > 0 ? DockerBinarySize(limit) : "--") : "-- / --";
    const std::string share =
        row[4] && limit > 0 ? fmt::format("{:.2f}%", 100.0 * static_cast<double>(used) / static_cast<double>(limit))
                            : "--";
    const std::string block = row[6] && row[7] ? fmt::format("{} / {}", DockerDecimalSize(IntegerOrUnknown(row[6])),
                                                             DockerDecimalSize(IntegerOrUnknown(row[7])))
                                               : "--";
    const std::string network = row[12] && row[13]
                                    ? fmt::format("{} / {}", DockerDecimalSize(IntegerOrUnknown(row[12])),
                                                  DockerDecimalSize(IntegerOrUnknown(row[13])))
                                    : "--";
    const ContainerName container = NameOfCgroup(*row[1], static_cast<uint64_t>(IntegerOrUnknown(row[2])));
    return fmt::format("{},{},{},{},{},{},{},{},{},{},{}\r\n", CsvField(run_.name), CsvField(run_.target),
                       UtcText(run_.t0_ns + at_ns, ' '), container.id, CsvField(row[11].value_or(container.name)), cpu,
                       memory, share, network, block, row[8].value_or("--"));
  }

 private:
  const GustRun& run_;
  const std::map<std::string, int64_t> memory_of_agent_;
  std::map<std::string, std::pair<int64_t, int64_t>> before_;  // series -> instant and CPU counter
  std::map<std::string, std::string> reader_;                  // series -> the agent whose readings are taken
};

absl::Status ExportStats(Connection& connection, const GustRun& run, const ExportSink& sink) {
  const absl::StatusOr<Table> memory =
      Query(connection,
            "SELECT agent_id, max(memory_total_bytes) FROM assay.host_sample WHERE sweep_id = $1 AND run_id = $2 "
            "GROUP BY agent_id",
            {run.sweep_id, run.run_id});
  if (!memory.ok()) return memory.status();
  std::map<std::string, int64_t> memory_of_agent;
  for (const Row& row : memory->rows) memory_of_agent[*row[0]] = IntegerOrUnknown(row[1]);
  const std::string file = run.StatsFile();
  if (!sink(file, kStatsHeader)) return Stopped();
  StatsRows stats(run, std::move(memory_of_agent));
  bool stopped = false;
  absl::Status status = StreamQuery(
      connection,
      "SELECT s.read_end_ns, s.cgroup, s.inode, s.cpu_usage_ns, s.memory_current_bytes, s.memory_inactive_file_bytes, "
      "s.io_read_bytes, s.io_write_bytes, s.pids, a.host, s.agent_id, n.container, s.net_rx_bytes, s.net_tx_bytes "
      "FROM assay.sample s JOIN assay.agent a USING (agent_id) "
      "LEFT JOIN assay.series n USING (run_id, agent_id, cgroup, inode) WHERE s.sweep_id = $1 AND s.run_id = $2 "
      "ORDER BY s.tick, s.agent_id, s.cgroup, s.read_begin_ns",
      {run.sweep_id, run.run_id}, [&](const std::vector<std::string>&, const Row& row) {
        const std::string line = stats.Next(row);
        stopped = !line.empty() && !sink(file, line);
        return !stopped;
      });
  if (!status.ok()) return status;
  return stopped ? Stopped() : absl::OkStatus();
}

}  // namespace

absl::Status ExportGust(Connection& connection, int64_t sweep_id, bool rejected_too, const ExportSink& sink) {
  const absl::StatusOr<Table> ended = Query(
      connection,
      "SELECT s.run_id, s.block, s.attempt, s.target, s.cell, s.params, s.verdict, array_to_string(s.flags, ' '), "
      "r.t0_ns FROM assay.run_summary s JOIN assay.run r USING (run_id) "
      "WHERE s.sweep_id = $1 AND s.state = 'ended' ORDER BY s.run_id",
      {std::to_string(sweep_id)});
  if (!ended.ok()) return ended.status();
  const std::string index = fmt::format("sweep-{}_runs.csv", sweep_id);
  if (!sink(index, kIndexHeader)) return Stopped();
  std::vector<GustRun> runs;
  for (const Row& row : ended->rows) {
    GustRun run{std::to_string(sweep_id), *row[0], *row[3], IntegerOrUnknown(row[8]), "", ""};
    const bool accepted = *row[6] == "accepted";
    const bool written = row[8] && (accepted || rejected_too);
    run.ending = accepted ? ".csv" : ".rejected.csv";
    if (row[8]) run.name = RunName(run.target, run.t0_ns);
    std::string line = CsvField(run.name);
    for (const size_t column : {0, 1, 2, 3, 4, 5, 6, 7}) line += "," + CsvField(row[column].value_or(""));
    if (!sink(index, fmt::format("{},{},{}\r\n", line, written ? CsvField(run.StatsFile()) : "",
                                 written ? CsvField(run.TriggersFile()) : "")))
      return Stopped();
    if (written) runs.push_back(std::move(run));
  }
  for (const GustRun& run : runs) {
    if (absl::Status status = ExportStats(connection, run, sink); !status.ok()) return status;
    if (absl::Status status = ExportTriggers(connection, run, sink); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace assay
