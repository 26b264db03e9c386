#include "coordinator/sweep_report.h"

#include <fmt/format.h>

#include <cstdlib>
#include <map>
#include <utility>

#include "storage/table.h"

namespace assay {
namespace {

using Row = std::vector<std::optional<std::string>>;

int64_t IntegerOrZero(const std::optional<std::string>& text) {
  return text ? std::strtoll(text->c_str(), nullptr, 10) : 0;
}
double Real(const std::optional<std::string>& text) { return text ? std::strtod(text->c_str(), nullptr) : 0; }

constexpr const char* kSweeps =
    "SELECT s.sweep_id, s.name, s.state, s.blocks * (SELECT count(*) FROM assay.cell c WHERE c.sweep_id = s.sweep_id), "
    "count(r.run_id) FILTER (WHERE r.verdict = 'accepted'), "
    "count(r.run_id) FILTER (WHERE r.verdict = 'rejected'), (extract(epoch FROM s.created_at) * 1e9)::bigint, "
    "coalesce((extract(epoch FROM s.ended_at) * 1e9)::bigint, 0), s.about, s.failure, "
    "count(DISTINCT (r.cell_id, r.block)) FILTER (WHERE r.verdict <> 'running') "
    "FROM assay.sweep s LEFT JOIN assay.run r USING (sweep_id) {} GROUP BY s.sweep_id ORDER BY s.sweep_id";

v1::SweepInfo Info(const Row& row) {
  v1::SweepInfo info;
  info.set_sweep_id(IntegerOrZero(row[0]));
  info.set_name(row[1].value_or(""));
  info.set_state(row[2].value_or(""));
  info.set_runs_total(static_cast<uint32_t>(IntegerOrZero(row[3])));
  info.set_accepted(static_cast<uint32_t>(IntegerOrZero(row[4])));
  info.set_rejected(static_cast<uint32_t>(IntegerOrZero(row[5])));
  info.set_created_wall_ns(IntegerOrZero(row[6]));
  info.set_ended_wall_ns(IntegerOrZero(row[7]));
  info.set_about(row[8].value_or(""));
  return info;
}

}  // namespace

absl::StatusOr<v1::ListSweepsReply> ReadSweeps(Connection& connection) {
  const absl::StatusOr<Table> found = Query(connection, fmt::format(kSweeps, ""));
  if (!found.ok()) return found.status();
  v1::ListSweepsReply reply;
  for (const Row& row : found->rows) *reply.add_sweeps() = Info(row);
  return reply;
}

absl::StatusOr<StoredSweep> ReadSweep(Connection& connection, int64_t sweep_id) {
  const absl::StatusOr<Table> found =
      Query(connection, fmt::format(kSweeps, "WHERE s.sweep_id = $1"), {std::to_string(sweep_id)});
  if (!found.ok()) return found.status();
  if (found->rows.empty())
    return absl::NotFoundError(fmt::format("there is no sweep {}; `assay sweep list` shows all", sweep_id));
  const Row& row = found->rows[0];
  return StoredSweep{Info(row), static_cast<uint32_t>(IntegerOrZero(row[10])), row[9].value_or("")};
}

absl::StatusOr<std::vector<v1::RunResult>> ReadRunResults(Connection& connection, int64_t sweep_id, int64_t after) {
  const std::vector<std::string> which{std::to_string(sweep_id), std::to_string(after)};
  const absl::StatusOr<Table> runs =
      Query(connection,
            "SELECT v.run_id, v.block, v.attempt, c.label, v.verdict, v.triggers, v.triggers - v.ok, v.makespan_s, "
            "v.overhead_percent, "
            "v.throughput_per_s FROM assay.run_summary v JOIN assay.cell c USING (cell_id) "
            "WHERE v.sweep_id = $1 AND v.run_id > $2 AND v.verdict <> 'running' ORDER BY v.run_id",
            which);
  if (!runs.ok()) return runs.status();
  const absl::StatusOr<Table> flags =
      Query(connection,
            "SELECT f.run_id, f.code, f.severity, f.detail FROM assay.flag f JOIN assay.run r USING (run_id) "
            "WHERE r.sweep_id = $1 AND f.run_id > $2 ORDER BY f.run_id, f.severity DESC, f.code",
            which);
  if (!flags.ok()) return flags.status();
  std::map<int64_t, std::vector<v1::FlagInfo>> flags_of;
  for (const Row& row : flags->rows) {
    v1::FlagInfo flag;
    flag.set_code(row[1].value_or(""));
    flag.set_severity(row[2].value_or(""));
    flag.set_detail(row[3].value_or(""));
    flags_of[IntegerOrZero(row[0])].push_back(std::move(flag));
  }
  std::vector<v1::RunResult> results;
  for (const Row& row : runs->rows) {
    v1::RunResult& result = results.emplace_back();
    result.set_run_id(IntegerOrZero(row[0]));
    result.set_block(static_cast<uint32_t>(IntegerOrZero(row[1])));
    result.set_attempt(static_cast<uint32_t>(IntegerOrZero(row[2])));
    result.set_cell(row[3].value_or(""));
    result.set_verdict(row[4].value_or(""));
    result.set_triggers(static_cast<uint64_t>(IntegerOrZero(row[5])));
    result.set_not_ok(static_cast<uint64_t>(IntegerOrZero(row[6])));
    if (row[7]) result.set_makespan_s(Real(row[7]));
    if (row[8]) result.set_overhead_percent(Real(row[8]));
    if (row[9]) result.set_throughput_per_s(Real(row[9]));
    for (v1::FlagInfo& flag : flags_of[result.run_id()]) *result.add_flags() = std::move(flag);
  }
  return results;
}

absl::Status ReadViewRows(Connection& connection, const v1::ReadViewRequest& request,
                          const std::function<bool(const v1::ViewRows&)>& take) {
  constexpr size_t kPartBytes = 256 << 10;
  v1::ViewRows part;
  size_t part_bytes = 0;
  uint64_t count = 0;
  bool taken = true;
  absl::Status status = StreamView(connection, request.view(), request.sweep_id(),
                                   [&](const std::vector<std::string>& columns, const Row& values) {
                                     if (count == 0) part.mutable_columns()->Add(columns.begin(), columns.end());
                                     if (request.max_rows() > 0 && count == request.max_rows()) {
                                       part.set_cut(true);
                                       return false;
                                     }
                                     ++count;
                                     v1::ViewRows::Row& row = *part.add_rows();
                                     for (const std::optional<std::string>& value : values)
                                       row.add_values(value.value_or(""));
                                     part_bytes += row.ByteSizeLong();
                                     if (part_bytes < kPartBytes) return true;
                                     taken = take(part);
                                     part.Clear();
                                     part_bytes = 0;
                                     return taken;
                                   });
  if (status.ok() && taken) take(part);
  return status;
}

}  // namespace assay
