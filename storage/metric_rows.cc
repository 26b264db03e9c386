#include "storage/metric_rows.h"

#include <fmt/format.h>

#include <map>

#include "common/json_text.h"
#include "common/utf8.h"

namespace assay {

const std::vector<std::string>& MetricColumns() {
  static const auto& columns =
      *new std::vector<std::string>{"sweep_id", "run_id", "agent_id", "origin", "name", "labels", "at_ns", "value"};
  return columns;
}

void AppendMetric(CopyText& rows, int64_t sweep_id, int64_t run_id, int64_t agent_id, const v1::MetricSample& sample) {
  std::string labels;
  for (const auto& [key, value] : sample.labels())
    labels +=
        fmt::format("{}{}:{}", labels.empty() ? "" : ",", JsonString(ValidText(key)), JsonString(ValidText(value)));
  rows.Integer(sweep_id);
  rows.Integer(run_id);
  agent_id != 0 ? rows.Integer(agent_id) : rows.Null();
  rows.Text(sample.origin());
  rows.Text(sample.name());
  rows.Text(fmt::format("{{{}}}", labels));
  rows.Integer(sample.at_ns());
  rows.Word(fmt::format("{}", sample.value()));  // "nan" and "inf" too are PostgreSQL's words
  rows.EndRow();
}

}  // namespace assay
