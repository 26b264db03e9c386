// completion, login and secrets in the language.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>

#include "tests/unit/scenario/scenario_text.h"

namespace assay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

const std::string kRuns = kProcess + "trigger: {http: {method: POST, url: http://h/runs}, timeout: 60s}\n";

TEST(Completion, EveryKeyOfHttpArrives) {
  const Plan plan = MustLoad(kProcess + R"yaml(
trigger:
  http:
    url: "$(secret:AIRFLOW)/api/v2/dags/bench/dagRuns"
    body: {json: {conf: {n: "$(index)"}, key: "$(secret:KEY)"}}
    headers: {Authorization: "Bearer $(token)"}
    login: {url: "$(secret:AIRFLOW)/auth/token", body: {json: {username: admin, password: "$(secret:PASSWORD)"}}, token: /access_token}
completion:
  http:
    url: "http://h/runs?offset=$(offset)&limit=$(limit)&of=$(run)"
    headers: {Authorization: "Bearer $(token)"}
    items: /dag_runs
    id: /dag_run_id
    state: /state
    finished: /end_date
    page: 100
    done: [success]
    failed: [failed, 3]
    every: 250ms
  remote_id: /dag_run_id
  timeout: 10m
)yaml");
  const v1::Trigger& trigger = plan.cells.at(0).spec.trigger();
  const v1::Login& login = trigger.http().login();
  EXPECT_EQ(login.url(), "$(secret:AIRFLOW)/auth/token");
  EXPECT_EQ(login.method(), "POST");
  EXPECT_EQ(login.body(), R"json({"username": "admin", "password": "$(secret:PASSWORD)"})json");
  EXPECT_EQ(login.headers().at("Content-Type"), "application/json");
  EXPECT_EQ(login.token(), "/access_token");
  EXPECT_EQ(trigger.http().headers().at("Authorization"), "Bearer $(token)");
  const v1::Completion& completion = trigger.completion();
  EXPECT_EQ(completion.remote_id_pointer(), "/dag_run_id");
  EXPECT_THAT(completion.done(), ElementsAre("success"));
  EXPECT_THAT(completion.failed(), ElementsAre("failed", "3"));
  EXPECT_EQ(completion.every_ns(), 250'000'000);
  EXPECT_EQ(completion.timeout_ns(), 600'000'000'000);
  const v1::Completion::Http& http = completion.http();
  EXPECT_EQ(http.url(), "http://h/runs?offset=$(offset)&limit=$(limit)&of=$(run)");
  EXPECT_EQ(http.headers().at("Authorization"), "Bearer $(token)");
  EXPECT_EQ(http.items(), "/dag_runs");
  EXPECT_EQ(http.id(), "/dag_run_id");
  EXPECT_EQ(http.state(), "/state");
  EXPECT_EQ(http.finished(), "/end_date");
  EXPECT_EQ(http.page(), 100U);
}

TEST(Completion, DefaultsAndTheShapeOfTheReference) {
  const v1::Completion completion = MustLoad(kRuns +
                                             "completion: {http: {url: \"http://h/runs/$(remote_id)\", state: /state, "
                                             "done: [success]}, remote_id: \"\"}\n")
                                        .cells.at(0)
                                        .spec.trigger()
                                        .completion();
  EXPECT_EQ(completion.every_ns(), 500'000'000);
  EXPECT_EQ(completion.timeout_ns(), 0);
  EXPECT_EQ(completion.http().page(), 0U);
}

TEST(Completion, PostgresAsksByAQueryOrAFile) {
  const std::string begin =
      kProcess + "trigger: {exec: {argv: [submit]}}\ncompletion:\n  remote_id: {pattern: 'id=(\\S+)'}\n  postgres: ";
  const v1::Completion inline_query =
      MustLoad(
          begin +
          "{url: \"$(secret:DB)\", query: \"SELECT id, state FROM r WHERE id = ANY($1)\", listen: runs, done: [2]}\n")
          .cells.at(0)
          .spec.trigger()
          .completion();
  EXPECT_EQ(inline_query.remote_id_pattern(), "id=(\\S+)");
  EXPECT_EQ(inline_query.postgres().url(), "$(secret:DB)");
  EXPECT_EQ(inline_query.postgres().query(), "SELECT id, state FROM r WHERE id = ANY($1)");
  EXPECT_EQ(inline_query.postgres().listen(), "runs");

  const std::string from_file = begin + "{url: \"postgresql://h/d\", query_file: sql/runs.sql, done: [ok]}\n";
  const FileReader read = [](const std::string& path) -> absl::StatusOr<std::string> {
    if (path != "dir/sql/runs.sql") return absl::NotFoundError("no such file");
    return "SELECT $1";
  };
  const auto plan = LoadScenario(from_file, "dir/s.yaml", {}, read);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->cells.at(0).spec.trigger().completion().postgres().query(), "SELECT $1");
  const auto missing = LoadScenario(from_file, "s.yaml", {}, read);
  EXPECT_THAT(std::string(missing.status().message()),
              testing::AllOf(StartsWith("s.yaml:"), HasSubstr("completion.postgres.query_file"),
                             HasSubstr("no such file"), HasSubstr("relative to the scenario's file")));
}

TEST(Completion, ATargetGivesWhatDiffers) {
  const Plan plan = MustLoad(kRuns + R"yaml(
completion: {http: {url: "http://h/$(remote_id)", state: /state, done: [success]}, remote_id: /id, timeout: 5s}
targets:
  a:
  b: {completion: {http: {state: /status, done: [ok]}}}
  c: {completion: {postgres: {url: "postgresql://h/d", query: "SELECT $1", done: [ok]}}}
)yaml");
  EXPECT_EQ(plan.cells.at(0).spec.trigger().completion().http().state(), "/state");
  EXPECT_EQ(plan.cells.at(1).spec.trigger().completion().http().state(), "/status");
  EXPECT_EQ(plan.cells.at(1).spec.trigger().completion().http().url(), "http://h/$(remote_id)");
  EXPECT_THAT(plan.cells.at(1).spec.trigger().completion().done(), ElementsAre("ok"));
  EXPECT_TRUE(plan.cells.at(2).spec.trigger().completion().has_postgres());
  EXPECT_EQ(plan.cells.at(2).spec.trigger().completion().timeout_ns(), 5'000'000'000);
}

TEST(Completion, ANotificationMayComeBeforeTheFirstLook) {
  MustLoad(kRuns +
           "completion: {postgres: {url: \"postgresql://h/d\", query: \"SELECT $1\", done: [ok], listen: runs, every: "
           "1h}, remote_id: /id}\n");
}

struct BadCompletion {
  std::string name;
  std::string yaml;
  std::string what;
  std::string mend;
};
void PrintTo(const BadCompletion& c, std::ostream* out) { *out << c.name; }

class BadCompletionTest : public ::testing::TestWithParam<BadCompletion> {};

TEST_P(BadCompletionTest, IsRefusedWithAMend) {
  const std::string message = Refusal(GetParam().yaml);
  EXPECT_THAT(message, StartsWith("s.yaml:"));
  EXPECT_THAT(message, HasSubstr(GetParam().what));
  EXPECT_THAT(message, HasSubstr(GetParam().mend));
}

std::string Http(const std::string& keys, const std::string& rest = "remote_id: /id") {
  return kRuns + "completion: {http: {" + keys + "}, " + rest + "}\n";
}

INSTANTIATE_TEST_SUITE_P(
    Completion, BadCompletionTest,
    ::testing::Values(
        BadCompletion{
            "sleep",
            kBase + "completion: {http: {url: \"http://h/$(remote_id)\", state: /s, done: [a]}, remote_id: /id}\n",
            "completion follows what an http, exec or container trigger has started", "leave it out"},
        BadCompletion{"no_kind", kRuns + "completion: {remote_id: /id}\n", "completion does not say which kind it is",
                      "add http or postgres"},
        BadCompletion{"no_id", kRuns + "completion: {http: {url: \"http://h/$(remote_id)\", state: /s, done: [a]}}\n",
                      "completion lacks 'remote_id'", "a JSON pointer such as /state"},
        BadCompletion{"pointer", Http("url: \"http://h/$(remote_id)\", state: s, done: [a]"),
                      "completion.http.state cannot be 's'", "a JSON pointer such as /state"},
        BadCompletion{"pattern",
                      Http("url: \"http://h/$(remote_id)\", state: /s, done: [a]", "remote_id: {pattern: 'a(b'}"),
                      "completion.remote_id.pattern is no regular expression", "Syntax"},
        BadCompletion{"group",
                      Http("url: \"http://h/$(remote_id)\", state: /s, done: [a]", "remote_id: {pattern: 'ab'}"),
                      "completion.remote_id.pattern has no group", "put the id into (...)"},
        BadCompletion{"no_done", Http("url: \"http://h/$(remote_id)\", state: /s"), "completion.http lacks 'done'",
                      "add done"},
        BadCompletion{"no_state", Http("url: \"http://h/$(remote_id)\", done: [a]"), "completion.http lacks 'state'",
                      "add state"},
        BadCompletion{"both_ways", Http("url: \"http://h/$(remote_id)\", state: /s, done: [a], failed: [b, a]"),
                      "stands in done and in failed", "keep one of them"},
        BadCompletion{"listing", Http("url: \"http://h/runs\", state: /s, done: [a]"),
                      "completion.http asks for a listing, and lacks 'items'", "put $(remote_id) into the url"},
        BadCompletion{"no_listing", Http("url: \"http://h/$(remote_id)\", items: /r, state: /s, done: [a]"),
                      "the url asks for one run", "leave it out"},
        BadCompletion{"half_a_page",
                      Http("url: \"http://h/?o=$(offset)\", items: /r, id: /id, page: 3, state: /s, done: [a]"),
                      "has one of $(offset) and $(limit) only", "write both, or none"},
        BadCompletion{"no_page",
                      Http("url: \"http://h/?o=$(offset)&l=$(limit)\", items: /r, id: /id, state: /s, done: [a]"),
                      "completion.http lacks 'page'", "add page: 100"},
        BadCompletion{"page", Http("url: \"http://h/\", items: /r, id: /id, page: 3, state: /s, done: [a]"),
                      "page goes only with $(offset) and $(limit)", "write them there"},
        BadCompletion{"url", Http("url: \"h/$(remote_id)\", state: /s, done: [a]"), "completion.http.url has no scheme",
                      "write http://h/"},
        BadCompletion{"index", Http("url: \"http://h/$(remote_id)/$(index)\", state: /s, done: [a]"),
                      "completion.http.url cannot refer to $(index)", "$(index) is known only"},
        BadCompletion{"every", Http("url: \"http://h/$(remote_id)\", state: /s, done: [a], every: 1ms"),
                      "completion.http.every is out of range", "a duration from 10ms to 1h"},
        BadCompletion{
            "every_too_long",
            Http("url: \"http://h/$(remote_id)\", state: /s, done: [a], every: 5s", "remote_id: /id, timeout: 5s"),
            "completion looks first after 5 s, when its timeout of 5 s is over: it would see no end",
            "shorter than completion.timeout"},
        BadCompletion{"every_beyond_the_triggers_timeout",
                      Http("url: \"http://h/$(remote_id)\", state: /s, done: [a], every: 2m"),
                      "completion looks first after 2 min 0 s, when trigger.timeout of 1 min 0 s is over",
                      "or give completion a timeout of its own"},
        BadCompletion{"default_every",
                      Http("url: \"http://h/$(remote_id)\", state: /s, done: [a]", "remote_id: /id, timeout: 100ms"),
                      "completion looks first after 500 ms, when its timeout of 100 ms is over",
                      "let every be shorter"},
        BadCompletion{"done_outside", Http("url: \"http://h/$(remote_id)\", state: /s", "remote_id: /id, done: [a]"),
                      "unknown key 'done' in completion", "it belongs in completion.http"},
        BadCompletion{
            "no_parameter",
            kRuns + "completion: {postgres: {url: \"postgresql://h/d\", query: SELECT 1, done: [a]}, remote_id: /id}\n",
            "does not ask for the runs that are waited for", "ANY($1)"},
        BadCompletion{"no_query",
                      kRuns + "completion: {postgres: {url: \"postgresql://h/d\", done: [a]}, remote_id: /id}\n",
                      "completion.postgres does not say which kind it is", "add query or query_file"},
        BadCompletion{"remote_id_elsewhere", kProcess + "trigger: {exec: {argv: [a, \"$(remote_id)\"]}}\n",
                      "trigger.exec.argv[1] cannot refer to $(remote_id)", "known only in completion.http.url"},
        BadCompletion{"token", kProcess + "trigger: {http: {url: \"http://h/\", headers: {A: \"$(token)\"}}}\n",
                      "trigger.http.headers refers to $(token), but no login gives one", "add login"},
        BadCompletion{"token_in_url", kProcess + "trigger: {http: {url: \"http://h/$(token)\"}}\n",
                      "trigger.http.url cannot refer to $(token)", "in the headers of"},
        BadCompletion{"login_token",
                      kProcess + "trigger: {http: {url: \"http://h/\", login: {url: \"http://h/l\", token: x}}}\n",
                      "trigger.http.login.token cannot be 'x'", "a JSON pointer"},
        BadCompletion{"login_url", kProcess + "trigger: {http: {url: \"http://h/\", login: {url: h, token: /x}}}\n",
                      "trigger.http.login.url has no scheme", "http://h"},
        BadCompletion{
            "login_index",
            kProcess + "trigger: {http: {url: \"http://h/\", login: {url: \"http://h/$(index)\", token: /x}}}\n",
            "trigger.http.login.url cannot refer to $(index)", ""},
        BadCompletion{"secret_name", kProcess + "trigger: {exec: {argv: [a, \"$(secret:../etc)\"]}}\n",
                      "'../etc' cannot name a secret", "letters, digits"},
        BadCompletion{
            "secret_in_a_number",
            "name: t\nload: {closed: {concurrency: \"$(secret:N)\"}, triggers: 1}\ntrigger: {sleep: {for: 1ms}}\n",
            "load.closed.concurrency cannot refer to a secret", "known only in texts"},
        BadCompletion{
            "secret_in_a_name",
            "name: \"$(secret:N)\"\nload: {closed: {concurrency: 1}, triggers: 1}\ntrigger: {sleep: {for: 1ms}}\n",
            "name cannot refer to a secret", ""}),
    [](const auto& info) { return info.param.name; });

TEST(Secrets, MayStandInTheTextsOfTriggersAndHooks) {
  const Plan plan =
      MustLoad(kProcess +
               "trigger: {exec: {argv: [a, \"$(secret:K)\"], env: {E: \"x$(secret:K)\"}}}\n"
               "hooks: {before_sweep: {argv: [\"$(secret:K)\"]}, after_run: {argv: [b, \"$(secret:K)\"]}}\n");
  EXPECT_EQ(plan.cells.at(0).spec.trigger().exec().argv(1), "$(secret:K)");
  EXPECT_EQ(plan.spec.before_sweep().argv(0), "$(secret:K)");
  EXPECT_EQ(plan.cells.at(0).spec.after_run().argv(1), "$(secret:K)");
}

TEST(Secrets, AGridValueMakesNone) {
  const Plan plan = MustLoad(kProcess + "grid: {w: [\"$(secret:K)\"]}\ntrigger: {exec: {argv: [a, $(w)]}}\n");
  EXPECT_EQ(plan.cells.at(0).spec.trigger().exec().argv(1), "$$(secret:K)");
}

}  // namespace
}  // namespace assay
