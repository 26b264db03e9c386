// Collectors against a real private PostgreSQL.
#include "collect/collect.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <pqxx/pqxx>
#include <thread>

#include "common/clock.h"
#include "common/nanoseconds.h"
#include "storage/connection.h"
#include "tests/storage/postgres_fixture.h"

namespace assay {
namespace {

using testing::HasSubstr;

class CollectTest : public ::testing::Test {
 protected:
  CollectTest() : url_(FreshDatabaseUrl()), connection_(url_, "target") {
    Execute("CREATE TABLE public.task_instance (id text, run text, state text, began timestamptz, ended timestamp)");
    order_.hook_id = 7;
    order_.collector.mutable_postgres()->set_url(url_);
    order_.collector.set_every_ns(20 * kMs);
    order_.collector.set_quiet_ns(40 * kMs);
    order_.collector.set_deadline_ns(60 * kSecond);
    order_.collector.set_zone("UTC");
    // Its microseconds do not end with a zero, which PostgreSQL would leave out.
    order_.t0_unix_ns = (WallNs() - kSecond) / 10'000 * 10'000 + 1'000;
    order_.work.set_ended_ns(kSecond);
    SetQuery("SELECT id AS task, run AS remote_id, state, began AS started, ended AS finished FROM task_instance");
  }

  void SetQuery(const std::string& query) { order_.collector.mutable_postgres()->set_query(query); }
  void Execute(const std::string& sql) {
    ASSERT_EQ(connection_.Transact([&](pqxx::transaction_base& transaction) {
      transaction.exec(sql);
      return absl::OkStatus();
    }),
              absl::OkStatus());
  }
  // One that began at T0 and ended 250 ms and 300 us later, or is running.
  void Insert(const std::string& id, const std::string& state = "success", const std::string& run = "r") {
    Execute(fmt::format(
        "INSERT INTO public.task_instance VALUES ('{0}', '{2}', '{1}', to_timestamp({3}::numeric / 1000000), "
        "CASE WHEN '{1}' <> 'running' THEN to_timestamp({4}::numeric / 1000000) AT TIME ZONE 'UTC' END)",
        id, state, run, order_.t0_unix_ns / 1000, order_.t0_unix_ns / 1000 + 250'300));
  }
  v1::Batch Run() {
    return Collect(order_, stop_, [this](const v1::CollectorStatus& status) {
      told_.push_back(status);
      ++tellings_;
    });
  }
  std::string Error() {
    const v1::Batch batch = Run();
    EXPECT_EQ(batch.tasks_size(), 0);
    return batch.collections(0).error();
  }

  const std::string url_;
  Connection connection_;
  CollectOrder order_;
  std::atomic<bool> stop_ = false;
  std::vector<v1::CollectorStatus> told_;
  std::atomic<size_t> tellings_ = 0;  // for other threads; one more than there were looks
};

TEST_F(CollectTest, RecordsThatComeLateAreWaitedFor) {
  Insert("a");
  order_.work.set_ok(2);
  std::thread late([this] {
    while (tellings_ < 3) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    Insert("b");
  });
  const v1::Batch batch = Run();
  late.join();
  ASSERT_EQ(batch.tasks_size(), 2);
  const v1::Collection& collection = batch.collections(0);
  EXPECT_EQ(collection.error(), "");
  EXPECT_EQ(collection.hook_id(), 7);
  EXPECT_EQ(collection.origin(), "postgres");
  EXPECT_EQ(collection.records(), 2u);
  EXPECT_EQ(collection.expected(), 2u);
  EXPECT_TRUE(collection.quiet());
  EXPECT_FALSE(collection.at_first_look());
  EXPECT_GE(collection.looks(), 4u);
  for (const v1::TaskRecord& task : batch.tasks()) {
    EXPECT_NEAR(static_cast<double>(task.started_ns()), 0, 1000 + kMs) << "the wall clock is corrected now and then";
    EXPECT_EQ(task.finished_ns() - task.started_ns(), 250'300'000);
    EXPECT_EQ(task.error_ns(), 1000);
    EXPECT_EQ(task.outcome(), v1::OK);
  }
  EXPECT_EQ(told_.back().expected(), 2u);
  EXPECT_GT(told_.front().deadline_ns(), 50 * kSecond);
}

TEST_F(CollectTest, WhatNeverComesEndsAtTheDeadline) {
  Insert("a");
  Insert("b", "running");
  order_.collector.set_expect(4);
  order_.collector.set_deadline_ns(2 * kSecond);
  const v1::Batch batch = Run();
  const v1::Collection& collection = batch.collections(0);
  EXPECT_EQ(batch.tasks_size(), 2);
  EXPECT_FALSE(collection.quiet());
  EXPECT_EQ(collection.expected(), 4u);
  EXPECT_EQ(collection.unfinished(), 1u);
  EXPECT_EQ(collection.error(), "");
}

TEST_F(CollectTest, ARecordWithoutANameIsLeftOutAndTold) {
  Insert("a");
  SetQuery("SELECT id AS task, state FROM task_instance UNION ALL SELECT '', 'success'");
  order_.work.set_ok(1);
  const v1::Batch batch = Run();
  ASSERT_EQ(batch.tasks_size(), 1);
  EXPECT_EQ(batch.tasks(0).task(), "a");
  EXPECT_THAT(batch.collections(0).error(), HasSubstr("a record without a name is left out"));
}

TEST_F(CollectTest, ARunThatStartedNothingHasNoneToWaitFor) {
  order_.collector.clear_postgres();
  v1::Collector::Http& http = *order_.collector.mutable_http();
  http.set_url("http://127.0.0.1:1/$(remote_id)");
  (*http.mutable_fields())["task"] = "/task";
  (*http.mutable_fields())["state"] = "/state";
  order_.collector.set_expect(80);
  const v1::Batch batch = Run();
  EXPECT_LT(batch.collections(0).elapsed_ns(), told_.front().deadline_ns() / 2);
  EXPECT_EQ(batch.collections(0).looks(), 1u);
  EXPECT_FALSE(batch.collections(0).quiet());
}

TEST_F(CollectTest, ParametersAreTheRunsIdsItsBeginAndItsEnd) {
  Insert("a", "success", "mine \"1\"");
  Insert("b", "success", "other");
  order_.work.add_remote_ids("mine \"1\"");
  order_.work.add_remote_ids("that, too\\");
  order_.work.set_ok(1);
  SetQuery("SELECT id AS task, state FROM task_instance WHERE run = ANY($1)");
  EXPECT_TRUE(AsksForRemoteIds(order_.collector));
  EXPECT_EQ(Run().tasks_size(), 1);
  SetQuery("SELECT id AS task, $2 AS started, $3 AS finished FROM task_instance WHERE run = 'other'");
  const v1::Batch batch = Run();
  ASSERT_EQ(batch.tasks_size(), 1);
  EXPECT_EQ(batch.tasks(0).finished_ns() - batch.tasks(0).started_ns(), kSecond);
}

TEST_F(CollectTest, WhatCannotBeReadIsToldWithHostAndMend) {
  SetQuery("SELECT id AS task FROM no_such_table");
  EXPECT_THAT(Error(), testing::AllOf(HasSubstr("no_such_table"), HasSubstr("42P01"), HasSubstr("correct")));
  SetQuery("SELECT id AS task, began AS startet FROM task_instance");
  EXPECT_THAT(Error(), HasSubstr("did you mean 'started'?"));
  SetQuery("SELECT id FROM task_instance");
  EXPECT_THAT(Error(), HasSubstr("'id' is no field of a task"));
  SetQuery("SELECT state FROM task_instance");
  EXPECT_THAT(Error(), HasSubstr("SELECT id AS task"));
  SetQuery("SELECT id AS task, began AS started FROM task_instance");
  EXPECT_THAT(Error(), HasSubstr("whether a task has ended"));
  SetQuery("DELETE FROM task_instance RETURNING id AS task, state");
  EXPECT_THAT(Error(), HasSubstr("read-only"));
  SetQuery("COPY task_instance TO STDOUT");
  EXPECT_THAT(Error(), HasSubstr("it must select"));
  Insert("a");
  order_.collector.clear_zone();
  SetQuery("SELECT id AS task, ended AS finished FROM task_instance");
  EXPECT_THAT(Error(), testing::AllOf(HasSubstr("column 'finished'"), HasSubstr("zone: UTC")));
  order_.collector.mutable_postgres()->set_url(url_ + "&dbname=nowhere&password=secret");
  EXPECT_THAT(Error(), testing::AllOf(HasSubstr("nowhere"), testing::Not(HasSubstr("secret"))));
  order_.collector.mutable_postgres()->set_url("postgresql+asyncpg://x/y");
  EXPECT_THAT(Error(), HasSubstr("it reads like postgresql://"));
}

TEST_F(CollectTest, AServerThatIsAwayIsAskedUntilTheDeadline) {
  order_.collector.mutable_postgres()->set_url("postgresql://127.0.0.1:1/x");
  order_.collector.set_deadline_ns(2 * kSecond);
  EXPECT_THAT(Error(), HasSubstr("127.0.0.1:1/x"));
  EXPECT_GE(told_.size(), 3u) << "more than one look";
}

TEST_F(CollectTest, AStopEndsAQueryThatHangsAndKeepsWhatWasRead) {
  Insert("a");
  order_.collector.set_expect(2);
  SetQuery(
      "SELECT id AS task, state FROM task_instance, pg_sleep(CASE WHEN (SELECT count(*) FROM task_instance) > 1 THEN "
      "3600 "
      "ELSE 0 END)");
  std::thread stopper([this] {
    while (tellings_ < 2) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    Insert("b");
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    stop_ = true;
  });
  const v1::Batch batch = Run();
  stopper.join();
  EXPECT_EQ(batch.tasks_size(), 1);
  EXPECT_THAT(batch.collections(0).error(), HasSubstr("stopped"));
  EXPECT_TRUE(batch.collections(0).stopped());
}

}  // namespace
}  // namespace assay
