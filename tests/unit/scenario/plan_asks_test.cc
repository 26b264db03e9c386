// What a plan tells of the questions that its runs ask: looks of completions and of collectors.
#include "coordinator/scenario/plan_asks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "coordinator/scenario/plan_text.h"
#include "tests/unit/scenario/scenario_text.h"

namespace assay {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// The keys of completion.http or completion.postgres, with so many in flight.
Plan Following(const std::string& kind, const std::string& keys, int in_flight, const std::string& rest = "") {
  return MustLoad("name: t\ngrid: {at_once: [" + std::to_string(in_flight) +
                  "]}\nload: {closed: {concurrency: $(at_once)}, triggers: 100000}\n"
                  "trigger: {http: {method: POST, url: http://h/runs}, timeout: 60s}\n"
                  "completion: {" +
                  kind + ": {" + keys + ", done: [ok]}, remote_id: /id" + rest + "}\n");
}

TEST(PlanAsks, EachRunByItselfIsARequestForEachALook) {
  const Plan plan = Following(
      "http", "url: \"http://me:hush@h:8080/runs/$(remote_id)?full=1\", state: /s, every: 250ms", 100, ", timeout: 5s");
  EXPECT_EQ(DescribeAsks(plan, 2),
            "  completion  GET http://h:8080/runs/$(remote_id)?full=1\n"
            "              every 250 ms for at most 5 s after the answer; 100 in flight: 100 requests a look (one for "
            "each, 16 at once from an agent), 400 per s in all\n");
  EXPECT_THAT(DescribePlan(plan, 2), AllOf(HasSubstr("GET http://h:8080/runs"), Not(HasSubstr("hush"))));
  EXPECT_THAT(DescribePlanJson(plan, 2),
              HasSubstr(R"("completion": {"asks": "GET http://h:8080/runs/$(remote_id)?full=1", "every_s": 0.25, )"
                        R"("timeout_s": 5, "in_flight": 100, "requests_per_s": 400}, "collect": []})"));
  EXPECT_THAT(WarningsFor(plan, 2), IsEmpty());
}

TEST(PlanAsks, AListingIsARequestOfEachAgentForEachPage) {
  const std::string listing = "items: \"\", id: /id, state: /s, every: 500ms, url: \"http://h/runs";
  EXPECT_THAT(DescribeAsks(Following("http", listing + "\"", 1000), 2),
              HasSubstr("every 500 ms for at most 1 min 0 s after the trigger was sent; 1,000 in flight: 2 requests a "
                        "look (2 agents), 4 per s in all\n"));
  // 500 of each agent, on two pages at least.
  EXPECT_THAT(DescribeAsks(Following("http", listing + "?o=$(offset)&l=$(limit)\", page: 400", 1000), 2),
              HasSubstr("1,000 in flight: 4 requests or more a look (2 agents), 8 per s in all\n"));
}

TEST(PlanAsks, OfADatabaseHostPortAndNameAreShownAndNoPassword) {
  const std::string query = ", query: \"SELECT $1\", every: 5s";
  const auto text = [&](const std::string& url, const std::string& more = "") {
    return DescribeAsks(Following("postgres", "url: \"" + url + "\"" + query + more, 50), 1);
  };
  EXPECT_EQ(text("postgresql://me:hu@sh@db:5433/airflow?password=hush"),
            "  completion  postgres at db:5433/airflow\n"
            "              every 5 s for at most 1 min 0 s after the trigger was sent; 50 in flight: 1 query a look (1 "
            "agent), 0.2 per s in all\n");
  EXPECT_THAT(text("host=db port=5433 user=me password=hush dbname=airflow"),
              HasSubstr("postgres at host=db port=5433 dbname=airflow\n"));
  EXPECT_THAT(text("postgresql:///airflow"), HasSubstr("postgres at the default socket/airflow\n"));
  EXPECT_THAT(text("user=me password=hush"), HasSubstr("postgres at the default socket\n"));
  EXPECT_THAT(text("$(secret:DB)", ", listen: ended"),
              HasSubstr("postgres at $(secret:DB), and at each notification of 'ended'\n"));
}

TEST(PlanAsks, NoMoreAreInFlightThanARunHas) {
  const Plan plan = MustLoad(
      "name: t\nload: {open: {burst: 30, in_flight: 1000000}}\ntrigger: {http: {url: http://h/}, timeout: 9s}\n"
      "completion: {http: {url: \"http://h/$(remote_id)\", state: /s, done: [a]}, remote_id: /id}\n");
  EXPECT_THAT(DescribeAsks(plan, 1), HasSubstr("30 in flight: 30 requests a look"));
}

TEST(PlanAsks, CollectorsSayFromWhereHowOftenAndUntilWhen) {
  const Plan plan = MustLoad(
      "grid: {tasks: [500, 1000]}\nname: t\nload: {closed: {concurrency: 2}, triggers: 40}\n"
      "trigger: {driver: {argv: [d]}, timeout: 9s}\n"
      R"yaml(
collect:
  - postgres: {url: "postgresql://reader:hush@db/airflow", query: "SELECT id AS task FROM t"}
    where: {role: target}
    expect: $(tasks)
    deadline: 2m
  - http: {url: "http://h/$(remote_id)?o=$(offset)&l=$(limit)", page: 10, fields: {task: /id, state: /s}}
  - http: {url: "http://h/?o=$(offset)&l=$(limit)", page: 9, fields: {task: /id, state: /s}}
    every: 250ms
  - csv: {files: "/tmp/*.csv"}
  - prometheus: {url: "http://p:9090", queries: {load: x, more: y}, step: 250ms}
    quiet: 0
)yaml");
  EXPECT_EQ(
      DescribeAsks(plan, 2),
      "  collect     postgres at db/airflow, from the first agent with role=target\n"
      "              in 1 of 2 cells every 1 s until 500 records are there and the same for 2 s, at most 2 min 0 s "
      "after "
      "the run's last finish\n"
      "              GET http://h/$(remote_id)?o=$(offset)&l=$(limit), from the coordinator\n"
      "              every 1 s until a record for each ok trigger is there and the same for 2 s, at most 1 min 0 s "
      "after "
      "the run's last finish; a look asks for each of 40 triggers by itself\n"
      "              GET http://h/?o=$(offset)&l=$(limit), from the coordinator\n"
      "              every 250 ms until a record for each ok trigger is there and the same for 2 s, at most 1 min 0 s "
      "after the run's last finish; a look is 5 requests or more\n"
      "              csv /tmp/*.csv, from the coordinator\n"
      "              every 1 s until a record for each ok trigger is there and the same for 2 s, at most 1 min 0 s "
      "after "
      "the run's last finish\n"
      "              prometheus at http://p:9090, 2 queries with a sample each 250 ms, from the coordinator\n"
      "              every 1 s until a sample is there and the same for 0 ns, at most 1 min 0 s after the run's last "
      "finish\n"
      "              postgres at db/airflow, from the first agent with role=target\n"
      "              in 1 of 2 cells every 1 s until 1,000 records are there and the same for 2 s, at most 2 min 0 s "
      "after the run's last finish\n");
  EXPECT_THAT(DescribePlanJson(plan, 2),
              HasSubstr(R"("collect": [{"asks": "postgres at db/airflow", "from": "the first agent with role=target", )"
                        R"("every_s": 1, "quiet_s": 2, "deadline_s": 120, "expect": 500}, )"));
}

TEST(PlanAsks, WhereNothingIsAskedNothingIsSaid) {
  const Plan plan = MustLoad(kBase);
  EXPECT_EQ(DescribeAsks(plan, 2), "");
  EXPECT_THAT(DescribePlanJson(plan, 2), HasSubstr(R"("completion": null, "collect": []})"));
}

TEST(PlanAsks, ManyCellsAreFewLines) {
  const Plan plan = MustLoad(
      "name: t\ngrid: {n: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]}\nload: {closed: {concurrency: 1}, triggers: 1}\n"
      "trigger: {sleep: {for: 1ms}}\ncollect: {csv: {files: /tmp/$(n)}}\n");
  EXPECT_THAT(DescribeAsks(plan, 1), AllOf(HasSubstr("csv /tmp/10,"), Not(HasSubstr("csv /tmp/11,")),
                                           HasSubstr("              ... and 2 more\n")));
}

TEST(PlanAsks, WarnsOfWhatCannotGoWell) {
  const Plan many = Following("http", "url: \"http://h/$(remote_id)\", state: /s, every: 500ms", 501);
  EXPECT_THAT(WarningsFor(many, 1), ElementsAre(HasSubstr("by itself, 1,002 requests per s at most")));
  EXPECT_THAT(WarningsFor(Following("http", "url: \"http://h/$(remote_id)\", state: /s, every: 500ms", 500), 1),
              IsEmpty());
  const std::string collect = "collect: {http: {url: \"http://h/$(remote_id)\", fields: {task: /id, state: /s}}}\n";
  EXPECT_THAT(WarningsFor(MustLoad(kBase + collect), 1), ElementsAre(HasSubstr("nothing tells any")));
  EXPECT_THAT(WarningsFor(MustLoad(kProcess + "trigger: {driver: {argv: [d]}, timeout: 9s}\n" + collect), 1),
              IsEmpty());
}

}  // namespace
}  // namespace assay
