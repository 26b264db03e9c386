#include "collect/collect.h"

#include <absl/status/statusor.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
#include <utility>

#include "collect/looks.h"
#include "collect/record_source.h"
#include "collect/task_reader.h"
#include "common/clock.h"
#include "common/utf8.h"

namespace assay {
namespace {

constexpr int64_t kNapNs = 50'000'000;
// A look takes the target's own time: between two of them it has this much rest, in lengths of a look.
constexpr int64_t kRestPerLook = 4;
// A look that was begun may go on for so long after the deadline.
constexpr int64_t kLastLookNs = 30'000'000'000;

const char* OriginOf(const v1::Collector& collector) {
  switch (collector.kind_case()) {
    case v1::Collector::kPostgres:
      return "postgres";
    case v1::Collector::kCsv:
      return "csv";
    case v1::Collector::kHttp:
      return "http";
    case v1::Collector::kPrometheus:
      return "prometheus";
    default:
      return "none";
  }
}

v1::Collector Expanded(const v1::Collector& collector, const BuiltInNames& names) {
  v1::Collector expanded = collector;
  const auto expand = [&names](std::string* text) { *text = names.Expand(*text); };
  const auto expand_values = [&](auto* map) {
    for (auto& [key, value] : *map) expand(&value);
  };
  switch (collector.kind_case()) {
    case v1::Collector::kPostgres:
      expand(expanded.mutable_postgres()->mutable_url());
      break;
    case v1::Collector::kCsv:
      expand(expanded.mutable_csv()->mutable_files());
      break;
    case v1::Collector::kHttp:
      expand(expanded.mutable_http()->mutable_url());
      expand_values(expanded.mutable_http()->mutable_headers());
      if (expanded.http().has_login()) {
        expand(expanded.mutable_http()->mutable_login()->mutable_url());
        expand(expanded.mutable_http()->mutable_login()->mutable_body());
        expand_values(expanded.mutable_http()->mutable_login()->mutable_headers());
      }
      break;
    case v1::Collector::kPrometheus:
      expand(expanded.mutable_prometheus()->mutable_url());
      expand_values(expanded.mutable_prometheus()->mutable_queries());
      break;
    default:
      break;
  }
  return expanded;
}

absl::StatusOr<RecordSourcePtr> MakeSource(const CollectOrder& order) {
  const v1::Collector collector = Expanded(order.collector, order.names);
  const RunFrame frame{order.t0_unix_ns, order.work.ended_ns(), order.clock_bound_ns};
  std::vector<std::string> ids(order.work.remote_ids().begin(), order.work.remote_ids().end());
  absl::StatusOr<TaskReader> reader = TaskReader::Make(OriginOf(collector), collector, frame);
  if (!reader.ok()) return reader.status();
  switch (collector.kind_case()) {
    case v1::Collector::kPostgres:
      return MakePostgresSource(collector.postgres(), ids, frame, *std::move(reader));
    case v1::Collector::kCsv:
      return MakeCsvSource(collector.csv(), *std::move(reader));
    case v1::Collector::kHttp:
      return MakeHttpSource(collector.http(), std::move(ids), *std::move(reader));
    case v1::Collector::kPrometheus:
      return MakePrometheusSource(collector.prometheus(), frame);
    default:
      return absl::UnimplementedError(
          "this kind of collector is not known here: install the same version of Assay everywhere");
  }
}

void Nap(int64_t until_ns, const std::atomic<bool>& stop) {
  for (int64_t now_ns = MonotonicNs(); now_ns < until_ns && !stop; now_ns = MonotonicNs())
    std::this_thread::sleep_for(std::chrono::nanoseconds(std::min(kNapNs, until_ns - now_ns)));
}

bool AsksForEach(const v1::Collector& collector) {
  return collector.http().url().find("$(remote_id)") != std::string::npos;
}

// As many as the scenario says; else one for each trigger that was ok. Metrics are not counted.
uint64_t ExpectedOf(const CollectOrder& order) {
  if (order.collector.expect() > 0) return order.collector.expect();
  return order.collector.has_prometheus() ? 0 : order.work.ok();
}

}  // namespace

bool AsksForRemoteIds(const v1::Collector& collector) {
  return collector.postgres().query().find("$1") != std::string::npos || AsksForEach(collector);
}

v1::Batch Collect(CollectOrder order, const std::atomic<bool>& stop,
                  const std::function<void(const v1::CollectorStatus&)>& told) {
  const int64_t begun_ns = MonotonicNs();
  // T0 on the monotonic clock: a step of the wall clock while it reads must not bend instants and deadline.
  const int64_t t0_ns = order.t0_unix_ns - WallAheadNs();
  const int64_t deadline_ns = std::max(begun_ns, t0_ns + order.work.ended_ns() + order.collector.deadline_ns());
  Looks looks(ExpectedOf(order), order.collector.quiet_ns());
  v1::CollectorStatus so_far;
  so_far.set_expected(looks.expected());
  so_far.set_deadline_ns(deadline_ns - begun_ns);
  told(so_far);
  // A run that started nothing has no records to wait for.
  const bool nothing_to_ask = AsksForEach(order.collector) && order.work.remote_ids().empty();
  std::string problem;
  const absl::StatusOr<HiddenTexts> hidden = order.secrets.Fill(order.collector);
  absl::StatusOr<RecordSourcePtr> source = hidden.ok() ? MakeSource(order) : hidden.status();
  absl::Status failure = source.status();
  while (source.ok()) {
    const int64_t look_ns = MonotonicNs();
    absl::StatusOr<Look> look = (*source)->Read({stop, deadline_ns + kLastLookNs});
    const int64_t now_ns = MonotonicNs();
    failure = look.status();
    if (look.ok()) {
      problem = look->problem;
      looks.Add(*std::move(look), now_ns - t0_ns);
      if (looks.Done()) break;
    } else if (!absl::IsUnavailable(failure)) {
      break;
    }
    so_far.set_records(looks.records());
    so_far.set_elapsed_ns(now_ns - begun_ns);
    told(so_far);
    if (stop || nothing_to_ask || look_ns >= deadline_ns) break;
    const int64_t pause_ns = std::max(order.collector.every_ns(), kRestPerLook * (now_ns - look_ns));
    // The last look is at the deadline.
    Nap(std::min(now_ns + pause_ns, deadline_ns), stop);
  }

  v1::Batch collected;
  v1::Collection& collection = *collected.add_collections();
  looks.Fill(collection);
  collection.set_hook_id(order.hook_id);
  collection.set_origin(OriginOf(order.collector));
  collection.set_elapsed_ns(MonotonicNs() - begun_ns);
  if (stop && !collection.quiet()) {
    collection.set_stopped(true);
    collection.set_error("it was stopped before the records were complete");
  } else {
    const std::string error = failure.ok() ? problem : std::string(failure.message());
    collection.set_error(ValidText(hidden.ok() ? hidden->Hide(error) : error));
  }
  Look last = looks.TakeLast();
  for (v1::TaskRecord& task : last.tasks) *collected.add_tasks() = std::move(task);
  for (v1::MetricSample& sample : last.metrics) *collected.add_metric_samples() = std::move(sample);
  return collected;
}

}  // namespace assay
