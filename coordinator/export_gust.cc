#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <map>
#include <utility>

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
constexpr std::string_view kTriggersHeader =
    "run_id,target,trigger_number,started_at,finished_at,duration_ms,exit_code,output\r\n";

int64_t Integer(const std::optional<std::string>& text) { return text ? std::strtoll(text->c_str(), nullptr, 10) : -1; }

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

absl::Status ExportTriggers(Connection& connection, const std::string& run_id, const std::string& name,
                            const std::string& target, int64_t t0_ns, const ExportSink& sink) {
  const absl::StatusOr<Table> rows = Query(
      connection,
      "SELECT index + 1, started_ns, finished_ns, coalesce(exit_code, CASE WHEN signal IS NOT NULL THEN 128 + signal "
      "WHEN outcome = 'ok' THEN 0 ELSE -1 END), coalesce(convert_from(regexp_replace(encode(output, 'escape'), "
      "E'\\\\\\\\[0-7]{3}', '?', 'g')::bytea, 'UTF8'), error, '') "
      "FROM assay.trigger WHERE run_id = $1 ORDER BY index",
      {run_id});
  if (!rows.ok()) return rows.status();
  const std::string file = name + "_triggers.csv";
  if (!sink(file, kTriggersHeader)) return absl::CancelledError("the export was stopped");
  for (const Row& row : rows->rows) {
    const auto at = [&](const std::optional<std::string>& ns) {
      return ns ? UtcText(t0_ns + Integer(ns), ' ') : std::string();
    };
    const std::string duration =
        row[1] && row[2] ? std::to_string((Integer(row[2]) - Integer(row[1])) / 1'000'000) : "";
    const std::string line =
        fmt::format("{},{},{},{},{},{},{},{}\r\n", CsvField(name), CsvField(target), *row[0], at(row[1]), at(row[2]),
                    duration, *row[3], CsvField(OneLine(row[4].value_or(""))));
    if (!sink(file, line)) return absl::CancelledError("the export was stopped");
  }
  return absl::OkStatus();
}

absl::Status ExportStats(Connection& connection, const std::string& run_id, const std::string& name,
                         const std::string& target, int64_t t0_ns, const ExportSink& sink) {
  const absl::StatusOr<Table> rows =
      Query(connection,
            "SELECT s.read_end_ns, s.cgroup, s.inode, s.cpu_usage_ns, s.memory_current_bytes, "
            "s.memory_inactive_file_bytes, s.io_read_bytes, "
            "s.io_write_bytes, s.pids, (SELECT max(h.memory_total_bytes) FROM assay.host_sample h WHERE h.run_id = "
            "s.run_id AND h.agent_id = s.agent_id), "
            "a.host, s.agent_id FROM assay.sample s JOIN assay.agent a USING (agent_id) WHERE s.run_id = $1 ORDER BY "
            "s.tick, s.agent_id, s.cgroup",
            {run_id});
  if (!rows.ok()) return rows.status();
  const std::string file = name + "_docker_stats.csv";
  if (!sink(file, kStatsHeader)) return absl::CancelledError("the export was stopped");
  std::map<std::string, std::pair<int64_t, int64_t>> before;  // series -> instant and CPU counter
  std::map<std::string, std::string> reader;                  // series -> the agent whose readings are taken
  for (const Row& row : rows->rows) {
    const std::string series = fmt::format("{} {} {}", *row[10], *row[1], *row[2]);
    // Two agents of one host read the same cgroup: `docker stats` would have shown it once.
    if (reader.emplace(series, *row[11]).first->second != *row[11]) continue;
    const int64_t at_ns = Integer(row[0]);
    std::string cpu = "--";
    if (const auto last = before.find(series); row[3] && last != before.end() && at_ns > last->second.first) {
      cpu = fmt::format("{:.2f}%", 100.0 * static_cast<double>(Integer(row[3]) - last->second.second) /
                                       static_cast<double>(at_ns - last->second.first));
    }
    if (row[3]) before[series] = {at_ns, Integer(row[3])};
    const int64_t used = std::max<int64_t>(0, Integer(row[4]) - std::max<int64_t>(0, Integer(row[5])));
    const int64_t limit = Integer(row[9]);
    const std::string memory =
        row[4] ? fmt::format("{} / {}", DockerBinarySize(used), limit > 0 ? DockerBinarySize(limit) : "--") : "-- / --";
    const std::string share =
        row[4] && limit > 0 ? fmt::format("{:.2f}%", 100.0 * static_cast<double>(used) / static_cast<double>(limit))
                            : "--";
    const std::string block = row[6] ? fmt::format("{} / {}", DockerDecimalSize(Integer(row[6])),
                                                   DockerDecimalSize(std::max<int64_t>(0, Integer(row[7]))))
                                     : "--";
    const ContainerName container = NameOfCgroup(*row[1], static_cast<uint64_t>(Integer(row[2])));
    const std::string line = fmt::format("{},{},{},{},{},{},{},{},--,{},{}\r\n", CsvField(name), CsvField(target),
                                         UtcText(t0_ns + at_ns, ' '), container.id, CsvField(container.name), cpu,
                                         memory, share, block, row[8].value_or("--"));
    if (!sink(file, line)) return absl::CancelledError("the export was stopped");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ExportGust(Connection& connection, int64_t sweep_id, const ExportSink& sink) {
  const absl::StatusOr<Table> runs =
      Query(connection,
            "SELECT r.run_id, c.target, r.t0_ns FROM assay.run r JOIN assay.cell c USING (cell_id) "
            "WHERE r.sweep_id = $1 AND r.t0_ns IS NOT NULL AND r.state = 'ended' ORDER BY r.run_id",
            {std::to_string(sweep_id)});
  if (!runs.ok()) return runs.status();
  for (const Row& run : runs->rows) {
    const std::string& target = *run[1];
    const int64_t t0_ns = Integer(run[2]);
    const std::string name = RunName(target, t0_ns);
    if (absl::Status status = ExportStats(connection, *run[0], name, target, t0_ns, sink); !status.ok()) return status;
    if (absl::Status status = ExportTriggers(connection, *run[0], name, target, t0_ns, sink); !status.ok())
      return status;
  }
  return absl::OkStatus();
}

}  // namespace assay
