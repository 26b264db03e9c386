#include "storage/series_store.h"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <pqxx/pqxx>
#include <string>

#include "common/json_text.h"
#include "common/utf8.h"
#include "storage/text_values.h"

namespace assay {
namespace {

struct TextColumn {
  const char* name;
  const std::string& (*value)(const v1::CgroupSeries& series);
};

constexpr auto kTexts = std::to_array<TextColumn>({
    {"container", [](const v1::CgroupSeries& s) -> const std::string& { return s.container(); }},
    {"container_id", [](const v1::CgroupSeries& s) -> const std::string& { return s.container_id(); }},
    {"image", [](const v1::CgroupSeries& s) -> const std::string& { return s.image(); }},
    {"compose_project", [](const v1::CgroupSeries& s) -> const std::string& { return s.compose_project(); }},
    {"compose_service", [](const v1::CgroupSeries& s) -> const std::string& { return s.compose_service(); }},
    {"pod", [](const v1::CgroupSeries& s) -> const std::string& { return s.pod(); }},
    {"pod_namespace", [](const v1::CgroupSeries& s) -> const std::string& { return s.pod_namespace(); }},
    {"unit", [](const v1::CgroupSeries& s) -> const std::string& { return s.unit(); }},
});

std::string LabelsJson(const v1::CgroupSeries& series) {
  if (series.labels().empty()) return "";
  std::string json;
  for (const auto& [key, value] : series.labels()) {
    json +=
        fmt::format("{}{}: {}", json.empty() ? "{" : ", ", JsonString(ValidText(key)), JsonString(ValidText(value)));
  }
  return json + "}";
}

}  // namespace

// Few rows beside the samples, so a row by itself is cheap enough. One that is there already is told again because its
// process was found.
void WriteSeries(pqxx::transaction_base& transaction, int64_t sweep_id, const std::vector<BatchOfAgent>& batches) {
  static const std::string& insert = *new std::string([] {
    std::string columns;
    std::string values;
    for (size_t i = 0; i < kTexts.size(); ++i) {
      columns += fmt::format(", {}", kTexts[i].name);
      values += fmt::format(", nullif(v.texts[{}], '')", i + 1);
    }
    return fmt::format(
        "INSERT INTO series (sweep_id, run_id, agent_id, cgroup, inode, started_ns, labels{}) "
        "SELECT $1, $2, $3, $4, $5, $6, nullif($7, '')::jsonb{} FROM (SELECT $8::text[] AS texts) v ON CONFLICT "
        "(run_id, agent_id, cgroup, inode) DO UPDATE SET started_ns = coalesce(series.started_ns, excluded.started_ns)",
        columns, values);
  }());
  for (const BatchOfAgent& one : batches) {
    for (const v1::CgroupSeries& series : one.batch->cgroup_series()) {
      std::vector<std::string> texts;
      texts.reserve(kTexts.size());
      for (const TextColumn& column : kTexts) texts.push_back(column.value(series));
      std::optional<int64_t> started_ns;
      if (series.has_started_ns()) started_ns = series.started_ns();
      transaction.exec_params(insert, sweep_id, one.batch->run_id(), one.agent_id, ValidText(series.cgroup()),
                              static_cast<int64_t>(series.inode()), started_ns, LabelsJson(series), TextArray(texts));
    }
  }
}

}  // namespace assay
