#include <absl/strings/numbers.h>
#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "collect/http_reader.h"
#include "collect/record_source.h"
#include "common/json_document.h"
#include "common/percent_encoding.h"
#include "common/utf8.h"

namespace assay {
namespace {

constexpr size_t kMostMatrixShown = 200;

class PrometheusSource : public RecordSource {
 public:
  PrometheusSource(v1::Collector::Prometheus prometheus, const RunFrame& frame)
      : prometheus_(std::move(prometheus)), frame_(frame) {}

  absl::StatusOr<Look> Read(const Patience& patience) override {
    Look look;
    for (const auto& [name, query] : prometheus_.queries()) {
      // From T0 to the last finish, and one step more: what the run did may show only in the next scrape.
      HttpReader::Request request;
      request.url = fmt::format("{}/api/v1/query_range?query={}&start={:.3f}&end={:.3f}&step={:.3f}", Server(),
                                PercentEncoded(query), Seconds(frame_.t0_unix_ns),
                                Seconds(frame_.t0_unix_ns + frame_.ended_ns + prometheus_.step_ns()),
                                Seconds(prometheus_.step_ns()));
      const absl::StatusOr<std::string> body = reader_.Read(request, patience);
      if (!body.ok()) return OfQuery(name, body.status());
      if (const absl::Status added = AddMatrix(name, *body, look); !added.ok()) {
        return OfQuery(name,
                       absl::InvalidArgumentError(fmt::format("the answer is no matrix of a Prometheus server: {}",
                                                              PlainText(*body, kMostMatrixShown))));
      }
    }
    return look;
  }

 private:
  static double Seconds(int64_t ns) { return static_cast<double>(ns) / 1e9; }

  std::string Server() const {
    std::string url = prometheus_.url();
    while (url.ends_with('/')) url.pop_back();
    return url;
  }

  static absl::Status OfQuery(const std::string& name, const absl::Status& status) {
    return absl::Status(status.code(),
                        fmt::format("collect.prometheus.queries.{}: {}", name, std::string(status.message())));
  }

  absl::Status AddMatrix(const std::string& name, const std::string& body, Look& look) const {
    const absl::StatusOr<JsonDocument> answer = JsonDocument::Parse(body);
    if (!answer.ok()) return answer.status();
    if (answer->root().Text("/data/resultType").value_or("") != "matrix")
      return absl::InvalidArgumentError("no matrix");
    const absl::StatusOr<std::vector<JsonDocument::Part>> matrix = answer->root().Items("/data/result");
    if (!matrix.ok()) return matrix.status();
    for (const JsonDocument::Part& series : *matrix) {
      if (absl::Status added = AddSeries(name, series, look); !added.ok()) return added;
    }
    return absl::OkStatus();
  }

  absl::Status AddSeries(const std::string& name, const JsonDocument::Part& series, Look& look) const {
    const absl::StatusOr<std::map<std::string, std::string>> labels = series.Fields("/metric");
    if (!labels.ok()) return labels.status();
    const absl::StatusOr<std::vector<JsonDocument::Part>> values = series.Items("/values");
    if (!values.ok()) return values.status();
    for (const JsonDocument::Part& one : *values) {
      double unix_s = 0;
      double value = 0;  // a text in JSON, which has no NaN and no infinity
      if (!absl::SimpleAtod(one.Text("/0").value_or(""), &unix_s) ||
          !absl::SimpleAtod(one.Text("/1").value_or(""), &value))
        return absl::InvalidArgumentError("no sample");
      v1::MetricSample& sample = look.metrics.emplace_back();
      sample.set_origin("prometheus");
      sample.set_name(name);
      sample.mutable_labels()->insert(labels->begin(), labels->end());
      // Prometheus knows milliseconds, which a double of seconds is finer than.
      sample.set_at_ns(std::llround(unix_s * 1e3) * 1'000'000 - frame_.t0_unix_ns);
      sample.set_value(value);
    }
    return absl::OkStatus();
  }

  const v1::Collector::Prometheus prometheus_;
  const RunFrame frame_;
  HttpReader reader_;
};

}  // namespace

RecordSourcePtr MakePrometheusSource(const v1::Collector::Prometheus& prometheus, const RunFrame& frame) {
  return std::make_unique<PrometheusSource>(prometheus, frame);
}

}  // namespace assay
