#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/nanoseconds.h"
#include "tests/unit/scenario/scenario_text.h"

namespace assay {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

const std::string kUrl = "url: \"postgresql://h/d\"";

TEST(Collect, EveryKeyLandsInTheCellsHooks) {
  const Plan plan = MustLoad("grid: {tasks: [50]}\n" + kBase + R"yaml(
collect:
  - postgres: {url: "postgresql://h/$(run)", query: "SELECT id AS task FROM t WHERE run = ANY($1)"}
    where: {role: target}
    zone: Europe/Berlin
    resolution: 1s
    expect: $(tasks)
    every: 500ms
    quiet: 0
    deadline: 5m
    outcomes: {gone: cancelled}
  - csv: {files: "/tmp/$(run)/*.csv", columns: {task: id, started: begin}}
  - http:
      url: "http://h/runs/$(remote_id)/tasks?offset=$(offset)&limit=$(limit)"
      headers: {Authorization: Bearer x}
      items: /tasks
      fields: {task: /id, state: /state}
      page: 100
    where: coordinator
  - prometheus: {url: "http://h:9090", queries: {load: "rate(x{run=\"$(run)\"}[1m])"}, step: 250ms}
)yaml");
  const v1::CellSpec& cell = plan.cells.at(0).spec;
  ASSERT_EQ(cell.collect_size(), 4);
  const v1::Hook& first = cell.collect(0);
  EXPECT_FALSE(first.on_coordinator());
  EXPECT_EQ(first.where().labels().at("role"), "target");
  const v1::Collector& postgres = first.collector();
  EXPECT_EQ(postgres.postgres().url(), "postgresql://h/$(run)");
  EXPECT_EQ(postgres.postgres().query(), "SELECT id AS task FROM t WHERE run = ANY($1)");
  EXPECT_EQ(postgres.zone(), "Europe/Berlin");
  EXPECT_EQ(postgres.resolution_ns(), kSecond);
  EXPECT_EQ(postgres.expect(), 50u);
  EXPECT_EQ(postgres.every_ns(), 500 * kMs);
  EXPECT_EQ(postgres.quiet_ns(), 0);
  EXPECT_EQ(postgres.deadline_ns(), 300 * kSecond);
  EXPECT_EQ(postgres.outcomes().at("gone"), "cancelled");
  const v1::Collector& csv = cell.collect(1).collector();
  EXPECT_TRUE(cell.collect(1).on_coordinator()) << "the default";
  EXPECT_EQ(csv.csv().files(), "/tmp/$(run)/*.csv");
  EXPECT_EQ(csv.csv().columns().at("started"), "begin");
  EXPECT_EQ(csv.every_ns(), kSecond);
  EXPECT_EQ(csv.quiet_ns(), 2 * kSecond);
  EXPECT_EQ(csv.deadline_ns(), 60 * kSecond);
  EXPECT_EQ(csv.expect(), 0u);
  const v1::Collector::Http& http = cell.collect(2).collector().http();
  EXPECT_EQ(http.url(), "http://h/runs/$(remote_id)/tasks?offset=$(offset)&limit=$(limit)");
  EXPECT_EQ(http.headers().at("Authorization"), "Bearer x");
  EXPECT_EQ(http.items(), "/tasks");
  EXPECT_EQ(http.fields().at("state"), "/state");
  EXPECT_EQ(http.page(), 100u);
  const v1::Collector::Prometheus& prometheus = cell.collect(3).collector().prometheus();
  EXPECT_EQ(prometheus.queries().at("load"), "rate(x{run=\"$(run)\"}[1m])");
  EXPECT_EQ(prometheus.step_ns(), 250 * kMs);
}

TEST(Collect, ATargetsOwnTakesThePlaceOfTheScenarios) {
  const Plan plan = MustLoad(kBase + R"yaml(
collect: {csv: {files: /a}, deadline: 5s}
targets:
  one:
  two: {collect: [{csv: {files: /b}}, {csv: {files: /c}}]}
)yaml");
  ASSERT_EQ(plan.cells.size(), 2u);
  EXPECT_EQ(plan.cells[0].spec.collect(0).collector().csv().files(), "/a");
  ASSERT_EQ(plan.cells[1].spec.collect_size(), 2);
  EXPECT_EQ(plan.cells[1].spec.collect(1).collector().csv().files(), "/c");
  EXPECT_EQ(plan.cells[1].spec.collect(1).collector().deadline_ns(), 60 * kSecond);
}

TEST(Collect, AQueryMayStandInAFileBesideTheScenario) {
  const FileReader read = [](const std::string& path) -> absl::StatusOr<std::string> {
    if (path != "dir/q.sql") return absl::NotFoundError("cannot read it");
    return "SELECT id AS task FROM t\n";
  };
  const std::string yaml = kBase + "collect: {postgres: {" + kUrl + ", query_file: q.sql}}\n";
  const absl::StatusOr<Plan> plan = LoadScenario(yaml, "dir/s.yaml", {}, read);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->cells[0].spec.collect(0).collector().postgres().query(), "SELECT id AS task FROM t\n");
  const absl::StatusOr<Plan> missing = LoadScenario(yaml, "else/s.yaml", {}, read);
  EXPECT_THAT(std::string(missing.status().message()), HasSubstr("collect.postgres.query_file: 'else/q.sql'"));
}

TEST(Collect, ASetReachesIntoIt) {
  EXPECT_EQ(MustLoad(kBase + "collect: {csv: {files: /a}}\n", {"collect.deadline=7s"})
                .cells[0]
                .spec.collect(0)
                .collector()
                .deadline_ns(),
            7 * kSecond);
}

struct BadCollect {
  std::string collect;
  std::string column;  // in line 4
  std::string what;
  std::string mend;
};

TEST(Collect, WhatIsWrongIsToldWithItsPlaceAndMend) {
  for (const BadCollect& bad : {
           BadCollect{"{deadline: 5s}", "10", "collect does not say which kind it is",
                      "add postgres or csv or http or prometheus"},
           BadCollect{"[]", "10", "collect has 0 values", "write a map with postgres"},
           BadCollect{"{csv: {files: /a}, zone: Europe/Berlim}", "35", "there is no time zone 'Europe/Berlim'",
                      "write UTC"},
           BadCollect{"{csv: {files: /a}, zonne: UTC}", "29", "unknown key 'zonne' in collect", "did you mean 'zone'?"},
           BadCollect{"[{csv: {files: /a}}, {csv: {file: /a}}]", "38", "unknown key 'file' in collect[1].csv",
                      "did you mean 'files'?"},
           BadCollect{"{csv: {files: a.csv}}", "24", "collect.csv.files must be a path from /", "write /path"},
           BadCollect{"{csv: {files: /a, columns: {begin: x}}}", "38", "'begin' is no field of a task",
                      "known here: task"},
           BadCollect{"{csv: {files: /a, columns: {startd: x}}}", "38", "'startd' is no field of a task",
                      "did you mean 'started'?"},
           BadCollect{"{postgres: {" + kUrl + "}}", "21", "collect.postgres does not say which kind it is",
                      "query or query_file"},
           BadCollect{"{postgres: {" + kUrl + ", query: \" ;\"}}", "54", "the query is empty", "SELECT id AS task"},
           BadCollect{"{postgres: {" + kUrl + ", query: a, query_file: b}}", "57", "has both 'query' and 'query_file'",
                      "keep one"},
           BadCollect{"{postgres: {url: \"h/$(index)\", query: a}}", "27", "cannot refer to $(index)",
                      "differs from trigger to trigger"},
           BadCollect{"{http: {url: \"ftp://h/\", fields: {task: /id}}}", "23", "collect.http.url is neither http://",
                      "write http://h/"},
           BadCollect{"{http: {url: \"http://h/\", fields: {task: id}}}", "51", "no JSON pointer", "write \"/id\""},
           BadCollect{"{http: {url: \"http://h/\", fields: {state: /s}}}", "44", "lacks 'task'", "add task: /id"},
           BadCollect{"{http: {url: \"http://h/\", page: 5, fields: {task: /id, state: /s}}}", "23",
                      "does not say which one", "put $(offset)"},
           BadCollect{"{http: {url: \"http://h/?o=$(offset)\", fields: {task: /id, state: /s}}}", "23", "no page says",
                      "add page: 100"},
           BadCollect{"{http: {url: \"http://h/\", fields: {task: /id}}}", "44", "nothing says that a task has ended",
                      "add state"},
           BadCollect{"{csv: {files: /a}, outcomes: {gone: okay}}", "46", "collect.outcomes.gone cannot be 'okay'",
                      "write ok or failed"},
           BadCollect{"{csv: {files: /a}, deadline: 1s, quiet: 2s}", "10", "the deadline comes before",
                      "longer than quiet"},
           BadCollect{"{csv: {files: /a}, where: here}", "36", "collect.where cannot be 'here'", "coordinator"},
       }) {
    const std::string message = Refusal(kBase + "collect: " + bad.collect + "\n");
    EXPECT_THAT(message, StartsWith("s.yaml:4:" + bad.column + ": ")) << bad.collect;
    EXPECT_THAT(message, HasSubstr(bad.what)) << bad.collect;
    EXPECT_THAT(message, HasSubstr(bad.mend)) << bad.collect;
  }
}

TEST(Collect, NamesOfRequestsAreKnownOnlyThere) {
  EXPECT_THAT(
      Refusal("name: t\nload: {closed: {concurrency: 1}, triggers: 1}\ntrigger: {exec: {argv: [\"$(offset)\"]}}\n"),
      HasSubstr("$(offset) is known only in completion.http.url and collect.http.url"));
  const Plan plan = MustLoad(
      "name: t\ngrid: {limit: [3]}\nload: {closed: {concurrency: 1}, triggers: $(limit)}\ntrigger: {sleep: {for: "
      "1ms}}\n");
  EXPECT_EQ(plan.cells.at(0).spec.load().triggers(), 3u) << "an axis may be called so";
}

}  // namespace
}  // namespace assay
