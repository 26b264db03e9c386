#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "collect/postgres_client.h"
#include "collect/record_source.h"
#include "common/nearest_name.h"
#include "common/units.h"

namespace assay {
namespace {

// Its OID never changes (pg_type.dat).
constexpr uint32_t kTimestamptz = 1184;

class PostgresSource : public RecordSource {
 public:
  PostgresSource(const v1::Collector::Postgres& postgres, const std::vector<std::string>& remote_ids,
                 const RunFrame& frame, TaskReader reader)
      : query_(postgres.query()),
        client_(postgres.url(), {.called = "assay collector", .read_only = true}),
        reader_(std::move(reader)) {
    parameters_ = {PostgresClient::TextArray(remote_ids),
                   {kTimestamptz, UtcText(frame.t0_unix_ns, 'T')},
                   {kTimestamptz, UtcText(frame.t0_unix_ns + frame.ended_ns, 'T')}};
  }

  absl::StatusOr<Look> Read(const Patience& patience) override {
    const absl::StatusOr<PostgresRows> rows = client_.Query(query_, parameters_, patience);
    if (!rows.ok()) return rows.status();
    std::vector<size_t> fields;  // of the columns
    if (absl::Status status = ReadColumns(*rows, fields); !status.ok()) return status;
    for (int row = 0; row < rows->size(); ++row) {
      TaskReader::Texts texts;
      for (int column = 0; column < rows->columns(); ++column)
        texts[fields[static_cast<size_t>(column)]] = rows->Value(row, column);
      if (absl::Status status = reader_.Add(texts); !status.ok()) {
        reader_.Take();
        return status;
      }
    }
    Look look;
    look.tasks = reader_.Take();
    look.problem = reader_.TakeProblem();
    return look;
  }

 private:
  absl::Status ReadColumns(const PostgresRows& rows, std::vector<size_t>& fields) {
    std::array<bool, kTaskFields> given{};
    for (int column = 0; column < rows.columns(); ++column) {
      const std::string name(rows.Name(column));
      const std::optional<TaskField> field = TaskFieldOf(name);
      if (!field) {
        const auto nearest = NearestName(name, TaskFieldNames());
        return absl::InvalidArgumentError(
            fmt::format("collect.postgres.query: its column '{}' is no field of a task; {}", name,
                        nearest ? fmt::format("did you mean '{}'?", *nearest)
                                : fmt::format("write SELECT {} AS one of {}", name, fmt::join(kTaskFieldNames, ", "))));
      }
      if (std::exchange(given[static_cast<size_t>(*field)], true))
        return absl::InvalidArgumentError(
            fmt::format("collect.postgres.query: it has two columns '{}'; leave one out", name));
      reader_.Call(*field, fmt::format("column '{}'", name));
      fields.push_back(static_cast<size_t>(*field));
    }
    return CheckTaskFields(given, "let collect.postgres.query SELECT id AS task, state, ended AS finished");
  }

  const std::string query_;
  PostgresClient client_;
  TaskReader reader_;
  std::vector<PostgresClient::Parameter> parameters_;
};

}  // namespace

RecordSourcePtr MakePostgresSource(const v1::Collector::Postgres& postgres, const std::vector<std::string>& remote_ids,
                                   const RunFrame& frame, TaskReader reader) {
  return std::make_unique<PostgresSource>(postgres, remote_ids, frame, std::move(reader));
}

}  // namespace assay
