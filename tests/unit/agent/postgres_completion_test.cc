// Runs followed in the target's own database: one query for all, notifications, connections that are lost.
#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <pqxx/pqxx>
#include <string>
#include <thread>
#include <utility>

#include "agent/completion/completion.h"
#include "agent/completion/registry.h"
#include "executor_fixture.h"
#include "tests/storage/postgres_fixture.h"

namespace assay {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class PostgresCompletionTest : public ExecutorTest {
 protected:
  void SetUp() override {
    TestServer();  // first on this thread: the server ends with it
    url_ = FreshDatabaseUrl();
    Sql("CREATE TABLE run (run_id text PRIMARY KEY, state text, ended timestamptz)");
    Sql("CREATE TABLE asked (at timestamptz DEFAULT clock_timestamp(), ids text[])");
    Sql("CREATE FUNCTION ask(ids text[]) RETURNS SETOF run LANGUAGE sql AS $$ INSERT INTO asked (ids) VALUES (ids); "
        "SELECT * FROM run WHERE run_id = ANY (ids) $$");
    ExecutorTest::SetUp();
  }

  pqxx::result Sql(const std::string& text) {
    pqxx::connection connection(url_);
    pqxx::work transaction(connection);
    pqxx::result result = transaction.exec(text);
    transaction.commit();
    return result;
  }
  int Number(const std::string& query) { return Sql(query)[0][0].as<int>(); }

  // Each trigger's id is run-INDEX.
  v1::ShareSpec Spec(uint64_t count, uint32_t slots) {
    v1::ShareSpec spec = ExecSpec(++runs_, count, slots, {"echo", "run-$(index)"});
    spec.mutable_trigger()->set_timeout_ns(kPatience);
    v1::Completion& completion = *spec.mutable_trigger()->mutable_completion();
    completion.set_remote_id_pattern("(run-\\d+)");
    completion.add_done("success");
    completion.add_failed("failed");
    completion.set_every_ns(50 * kMs);
    completion.mutable_postgres()->set_url(url_);
    completion.mutable_postgres()->set_query("SELECT run_id AS id, state, ended AS finished FROM ask($1)");
    return spec;
  }

  // The notice that has this in it, once there is one.
  std::string Told(const Completion& completion, const std::string& part) {
    for (const int64_t deadline_ns = MonotonicNs() + kPatience; MonotonicNs() < deadline_ns;) {
      for (const std::string& notice : OnLoop([&] { return completion.Notices(); })) {
        if (notice.find(part) != std::string::npos) return notice;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return "waited in vain";
  }

  std::string url_;
  int64_t runs_ = 0;
};

TEST_F(PostgresCompletionTest, OneQueryAsksForAll) {
  const v1::ShareSpec spec = Spec(30, 30);
  Begin(spec);
  EXPECT_TRUE(Number("SELECT count(*) FROM asked") >= 1) << "it was tried before T0";
  WaitFor(spec.run_id(),
          [&](const v1::ShareStatus&) { return Number("SELECT coalesce(max(cardinality(ids)), 0) FROM asked") == 30; });
  Sql("INSERT INTO run SELECT 'run-' || i, CASE WHEN i % 10 = 3 THEN 'failed' ELSE 'success' END, clock_timestamp() "
      "FROM "
      "generate_series(0, 29) i");
  WaitForPhase(spec.run_id(), v1::FIRED);
  const Written written = Finish(spec);
  ASSERT_EQ(written.triggers.size(), 30U);
  for (const v1::TriggerRecord& record : written.triggers) {
    EXPECT_EQ(record.outcome(), record.index() % 10 == 3 ? v1::FAILED : v1::OK) << record.error();
    EXPECT_EQ(record.remote_id(), "run-" + std::to_string(record.index()));
    EXPECT_GE(record.completed_ns(), record.accepted_ns());
    EXPECT_LE(record.completed_ns(), record.finished_ns()) << "the server's clock is this host's";
    EXPECT_LE(record.completed_error_ns(), 10 * kMs) << "the target tells microseconds, but no zeros at their end";
  }
  EXPECT_EQ(written.end->findings_size(), 0);
}

TEST_F(PostgresCompletionTest, AnEndWithoutItsInstantIsTold) {
  const v1::ShareSpec spec = Spec(3, 3);
  Sql("INSERT INTO run VALUES ('run-0', 'success', now()), ('run-1', 'success', NULL), ('run-2', 'running', NULL)");
  Begin(spec);
  WaitFor(spec.run_id(), [](const v1::ShareStatus& status) { return status.in_flight() == 1 && status.fired() == 2; });
  Sql("UPDATE run SET state = 'success', ended = now() WHERE run_id = 'run-2'");
  WaitForPhase(spec.run_id(), v1::FIRED);
  const Written written = Finish(spec);
  ASSERT_EQ(written.end->findings_size(), 1);
  EXPECT_EQ(written.end->findings(0).code(), "completion_errors");
  EXPECT_EQ(written.end->findings(0).count(), 1U) << "not while it runs";
  EXPECT_THAT(written.end->findings(0).detail(), HasSubstr("finished: the query gives none of a run that has ended"));
}

TEST_F(PostgresCompletionTest, ANotificationBringsTheNextLookForward) {
  v1::ShareSpec spec = Spec(1, 1);
  spec.mutable_trigger()->mutable_completion()->set_every_ns(3600 * kSecond);
  spec.mutable_trigger()->mutable_completion()->mutable_postgres()->set_listen("Run \"ended\"");
  Begin(spec);
  WaitFor(spec.run_id(), [](const v1::ShareStatus& status) { return status.in_flight() == 1; });
  Sql("INSERT INTO run VALUES ('run-0', 'success', NULL)");
  // Until the process has told its id nothing is waited for, and a notification is of no use.
  WaitFor(spec.run_id(), [&](const v1::ShareStatus& status) {
    Sql("NOTIFY \"Run \"\"ended\"\"\"");
    return status.phase() == v1::FIRED;
  });
  const Written written = Finish(spec);
  EXPECT_EQ(written.triggers.at(0).outcome(), v1::OK) << written.triggers.at(0).error();
}

TEST_F(PostgresCompletionTest, ALostConnectionIsMadeAnewAndTold) {
  const v1::ShareSpec spec = Spec(3, 3);
  Begin(spec);
  WaitFor(spec.run_id(),
          [&](const v1::ShareStatus&) { return Number("SELECT coalesce(max(cardinality(ids)), 0) FROM asked") == 3; });
  EXPECT_GE(Sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = "
                "current_database()")
                .size(),
            1U);
  const int before = Number("SELECT count(*) FROM asked");
  WaitFor(spec.run_id(), [&](const v1::ShareStatus&) { return Number("SELECT count(*) FROM asked") > before; });
  Sql("INSERT INTO run SELECT 'run-' || i, 'success', now() FROM generate_series(0, 2) i");
  WaitForPhase(spec.run_id(), v1::FIRED);
  const Written written = Finish(spec);
  for (const v1::TriggerRecord& record : written.triggers) EXPECT_EQ(record.outcome(), v1::OK) << record.error();
  ASSERT_EQ(written.end->findings_size(), 1);
  EXPECT_EQ(written.end->findings(0).code(), "completion_errors");
  EXPECT_EQ(written.end->findings(0).count(), 1U) << written.end->findings(0).detail();
}

TEST_F(PostgresCompletionTest, WhileLooksFailItIsToldAndThatTheyDoNoMore) {
  const v1::Trigger trigger = Spec(1, 1).trigger();
  const auto make_poll = [&](std::function<void()> hurry) {
    return MakePoll({.loop = loop_,
                     .trigger = trigger,
                     .names = {},
                     .login = nullptr,
                     .got_token = nullptr,
                     .hurry = std::move(hurry)});
  };
  std::unique_ptr<Completion> completion;
  std::promise<absl::Status> prepared;
  OnLoop([&] {
    completion = Completion::Of(loop_, trigger, make_poll, [](v1::TriggerRecord&&) {});
    completion->Prepare([&](const absl::Status& status) { prepared.set_value(status); });
  });
  const absl::Status ready = prepared.get_future().get();
  EXPECT_TRUE(ready.ok()) << ready;
  EXPECT_THAT(OnLoop([&] { return completion->Notices(); }), IsEmpty());
  Sql("ALTER TABLE run RENAME TO elsewhere");
  OnLoop([&] {
    v1::TriggerRecord record;
    record.set_started_ns(MonotonicNs());
    record.set_finished_ns(MonotonicNs());
    completion->Accept(std::move(record), "run-0");
  });
  EXPECT_THAT(Told(*completion, "no look at what triggers started went well"),
              AllOf(HasSubstr("the last: completion.postgres.query: "), HasSubstr("run")));
  Sql("ALTER TABLE elsewhere RENAME TO run");
  EXPECT_THAT(Told(*completion, "looks at what triggers started go well again"), HasSubstr(" failed"));
  OnLoop([&] { completion.reset(); });
}

TEST_F(PostgresCompletionTest, WhatCannotBeAskedRefusesTheShare) {
  const auto with_query = [this](const std::string& query) {
    v1::ShareSpec spec = Spec(1, 1);
    spec.mutable_trigger()->mutable_completion()->mutable_postgres()->set_query(query);
    return spec;
  };
  EXPECT_THAT(Refusal(with_query("SELECT run_id, state FROM run WHERE run_id = ANY ($1)")),
              HasSubstr("has no column 'id'; name it with AS"));
  EXPECT_THAT(Refusal(with_query("SELECT run_id AS id FROM run WHERE run_id = ANY ($1)")),
              HasSubstr("has no column 'state'"));
  EXPECT_THAT(Refusal(with_query("SELECT nothing FROM nowhere WHERE run_id = ANY ($1)")), HasSubstr("nowhere"));
  v1::ShareSpec spec = Spec(1, 1);
  spec.mutable_trigger()->mutable_completion()->mutable_postgres()->set_url("postgresql://u:hush@127.0.0.1:1/db");
  EXPECT_THAT(Refusal(spec), AllOf(HasSubstr("127.0.0.1"), HasSubstr("port 1 failed"), Not(HasSubstr("hush"))));
}

TEST_F(PostgresCompletionTest, AQueryThatHangsDoesNotHoldTheEnd) {
  v1::ShareSpec spec = Spec(1, 1);
  spec.mutable_trigger()->mutable_completion()->mutable_postgres()->set_query(
      "SELECT 'x' AS id, 'y' AS state FROM pg_sleep(CASE WHEN cardinality($1) > 0 THEN 3600 ELSE 0 END)");
  Begin(spec);
  WaitFor(spec.run_id(), [&](const v1::ShareStatus&) {
    return Number(
               "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_sleep%' "
               "AND state = 'active' AND pid <> pg_backend_pid()") == 1;
  });
  Want(spec, v1::CANCEL);
  Exchange();
  WaitForPhase(spec.run_id(), v1::ENDED);
  EXPECT_EQ(sink_.Of(spec.run_id()).triggers.at(0).outcome(), v1::CANCELLED);
}

}  // namespace
}  // namespace assay
