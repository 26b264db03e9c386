#include "coordinator/scenario/rule_parts.h"

namespace assay::rules {
namespace {

const Rule kCollectText = Template(kRunNames);
const Rule kCollectUrl = Template(kRunNames | kNameRemoteId | kNamePage);
const Rule kCollectTexts = TextMapOf(kCollectText);
const Rule kCollectHeader = Template(kRunNames | kNameToken);
const Rule kCollectHeaders = TextMapOf(kCollectHeader);
const Shape kPostgresShape{
    .fields = {{"url", &kCollectText, "of the target's database: postgresql://user@host:5432/database", true},
               {"query", &kText, "its columns name the fields of a task", false, true},
               {"query_file", &kPath, "the same in a file, relative to the scenario's", false, true}},
    .atomic = true,
    .choice_required = true};
const Rule kPostgres = MapOf(kPostgresShape);
const Rule kFieldTexts = TextMapOf(kText);
const Shape kCsvShape{
    .fields = {{"files", &kCollectText, "path or glob, on the host that collects", true},
               {"columns", &kFieldTexts, "field of a task: column; default: columns that are called as the field"}},
    .atomic = true};
const Rule kCsv = MapOf(kCsvShape);
const Shape kHttpCollectShape{
    .fields = {{"url", &kCollectUrl, "with $(offset) and $(limit) for pages, with $(remote_id) for one request each",
                true},
               {"headers", &kCollectHeaders, "sent with every request"},
               {"login", &kLogin, "a request before the first look that gives $(token); default: the trigger's"},
               {"items", &kText, "JSON pointer to the array of tasks; default: the answer itself"},
               {"fields", &kFieldTexts, "field of a task: JSON pointer in an item", true},
               {"page", &kPage, "items of one request; default: all in one"}},
    .atomic = true};
const Rule kHttpCollect = MapOf(kHttpCollectShape);
const Rule kMetricStep = Duration(10 * kMs, kHour);
const Shape kPrometheusShape{.fields = {{"url", &kCollectText, "of the Prometheus server", true},
                                        {"queries", &kCollectTexts, "name: PromQL", true},
                                        {"step", &kMetricStep, "between two samples; default: 1s"}},
                             .atomic = true};
const Rule kPrometheus = MapOf(kPrometheusShape);
const Rule kResolution = Duration(1, kHour);
const Rule kExpectRecords = Integer(1, 1'000'000'000);
const Rule kQuiet = Duration(0, kHour);
const Rule kCollectDeadline = Duration(0, kDay);
const Rule kOutcome{.kind = ValueKind::kWord, .words = {"ok", "failed", "timeout", "cancelled", "skipped"}};
const Rule kOutcomes = TextMapOf(kOutcome);
const Shape kCollectShape{
    .fields = {{"postgres", &kPostgres, "rows of a query", false, true},
               {"csv", &kCsv, "files with a header", false, true},
               {"http", &kHttpCollect, "JSON, in pages", false, true},
               {"prometheus", &kPrometheus, "metrics, as rows of metric_sample", false, true},
               {"where", &kHookWhere, "coordinator (default), or labels: on the first agent that has them"},
               {"zone", &kText, "of instants that have none: UTC or an IANA name; default: those are refused"},
               {"resolution", &kResolution, "of the target's instants; default: as their text tells"},
               {"expect", &kExpectRecords,
                "tasks whose records make them complete; default: as many as triggers were ok"},
               {"every", &kLookEvery, "time between two looks; default: 1s"},
               {"quiet", &kQuiet, "complete records must not change for so long; default: 2s"},
               {"deadline", &kCollectDeadline, "after the run's last finish; default: 60s"},
               {"outcomes", &kOutcomes, "state of the target: ok, failed, timeout, cancelled or skipped"}},
    .atomic = true,
    .choice_required = true};
const Rule kCollector = MapOf(kCollectShape);

}  // namespace

const Rule kCollect{.kind = ValueKind::kOneOrMore, .min = 1, .max = 20, .item = &kCollector};

}  // namespace assay::rules
