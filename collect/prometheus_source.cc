#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "collect/http_reader.h"
#include "collect/json_answers.h"
#include "collect/record_source.h"

namespace assay {
namespace {

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
                                HttpReader::Escaped(query), Seconds(frame_.t0_unix_ns),
                                Seconds(frame_.t0_unix_ns + frame_.ended_ns + prometheus_.step_ns()),
                                Seconds(prometheus_.step_ns()));
      const absl::StatusOr<std::string> body = reader_.Read(request, patience);
      if (!body.ok()) return OfQuery(name, body.status());
      absl::StatusOr<std::vector<MetricSeries>> matrix = ReadMatrix(*body);
      if (!matrix.ok()) return OfQuery(name, matrix.status());
      for (const MetricSeries& series : *matrix) Add(name, series, look);
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

  void Add(const std::string& name, const MetricSeries& series, Look& look) const {
    for (const auto& [unix_s, value] : series.samples) {
      v1::MetricSample& sample = look.metrics.emplace_back();
      sample.set_origin("prometheus");
      sample.set_name(name);
      for (const auto& [key, label] : series.labels) (*sample.mutable_labels())[key] = label;
      // Prometheus knows milliseconds, which a double of seconds is finer than.
      sample.set_at_ns(std::llround(unix_s * 1e3) * 1'000'000 - frame_.t0_unix_ns);
      sample.set_value(value);
    }
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
