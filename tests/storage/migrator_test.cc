#include "storage/migrator.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <pqxx/pqxx>

#include "common/counter_random.h"
#include "storage/connection.h"
#include "storage/embedded_sql.h"
#include "storage/table.h"
#include "tests/storage/postgres_fixture.h"

namespace assay {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

absl::Status Execute(Connection& connection, const std::string& sql) {
  return connection.Transact([&](pqxx::transaction_base& transaction) {
    transaction.exec(sql);
    return absl::OkStatus();
  });
}

std::string FirstValue(Connection& connection, const std::string& sql) {
  const absl::StatusOr<Table> table = Query(connection, sql);
  EXPECT_TRUE(table.ok()) << table.status();
  return table.ok() && !table->rows.empty() ? table->rows[0][0].value_or("null") : "nothing";
}

TEST(Migrator, MakesAnEmptyDatabaseUsableAndIsContentTheSecondTime) {
  Connection connection(FreshDatabaseUrl(), "test");
  ASSERT_EQ(Migrate(connection), absl::OkStatus());
  const std::string applied = FirstValue(
      connection, "SELECT string_agg(name || applied_at, ',' ORDER BY kind, position) FROM assay.schema_migration");
  const absl::StatusOr<std::string> id = ClusterId(connection);
  ASSERT_TRUE(id.ok());
  EXPECT_EQ(id->size(), 36u);

  ASSERT_EQ(Migrate(connection), absl::OkStatus());
  EXPECT_EQ(
      FirstValue(connection,
                 "SELECT string_agg(name || applied_at, ',' ORDER BY kind, position) FROM assay.schema_migration"),
      applied);
  EXPECT_EQ(*ClusterId(connection), *id);
}

// As a version before tasks left it: a sweep with one ended run.
TEST(Migrator, BringsAStoreWithResultsFromBeforeTasksToThisSchema) {
  Connection connection(FreshDatabaseUrl(), "test");
  const SqlFile first = EmbeddedMigrations().front();
  ASSERT_EQ(first.name, "0001_tables");
  ASSERT_EQ(
      Execute(connection,
              "CREATE SCHEMA assay; CREATE TABLE assay.schema_migration (kind text NOT NULL, position integer NOT "
              "NULL, name text NOT NULL, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT "
              "clock_timestamp(), PRIMARY KEY (kind, name))"),
      absl::OkStatus());
  ASSERT_EQ(Execute(connection, first.text), absl::OkStatus());
  ASSERT_EQ(
      Execute(connection, fmt::format("INSERT INTO assay.schema_migration VALUES ('migration', 1, '{}', '{:016x}')",
                                      first.name, StableHash(first.text))),
      absl::OkStatus());
  ASSERT_EQ(
      Execute(connection,
              "INSERT INTO assay.sweep (name, state, seed, blocks, scenario_yaml, sets, spec) "
              "  VALUES ('old', 'pending', '1', 1, '', '{}', ''); "
              "INSERT INTO assay.cell (sweep_id, position, label, target, params, spec) "
              "  SELECT sweep_id, 0, 'c', 't', '{}', '' FROM assay.sweep; "
              "INSERT INTO assay.run (sweep_id, cell_id, block, attempt, state, verdict, t0_ns, ended_at) "
              "  SELECT sweep_id, cell_id, 1, 1, 'ended', 'accepted', 1, now() FROM assay.cell; "
              "INSERT INTO assay.run_result (run_id, agents, slots, triggers, ok, failed, timeout, cancelled, skipped, "
              "  lost, makespan_s, task_sum_s, ideal_s) SELECT run_id, 1, 2, 8, 5, 2, 1, 0, 0, 0, 3, 4, 2 FROM "
              "  assay.run"),
      absl::OkStatus());
  ASSERT_EQ(Migrate(connection), absl::OkStatus());
  EXPECT_EQ(FirstValue(connection,
                       "SELECT concat_ws('|', tasks, coalesce(tasks_from, 'null'), task_sum_s, overhead_us_per_task) "
                       "FROM assay.run_summary"),
            "8|null|4|125000");
  EXPECT_EQ(FirstValue(connection, "SELECT count(*) FROM assay.task_overhead"), "0");
  ASSERT_EQ(
      Execute(connection,
              "INSERT INTO assay.task (sweep_id, run_id, origin, task, state) SELECT sweep_id, run_id, 'csv', 't', "
              "'done' FROM assay.run"),
      absl::OkStatus())
      << "the sweep has its partition";
}

TEST(Migrator, RefusesAnAppliedFileThatHasChanged) {
  Connection connection(MigratedDatabaseUrl(), "test");
  ASSERT_EQ(Execute(connection, "UPDATE assay.schema_migration SET checksum = 'another' WHERE name = '0001_tables'"),
            absl::OkStatus());
  const absl::Status status = Migrate(connection);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("0001_tables"));
  EXPECT_EQ(HasSchema(connection).status(), status);
}

TEST(Migrator, RefusesANewerSchemaAndTouchesNothing) {
  Connection connection(MigratedDatabaseUrl(), "test");
  ASSERT_EQ(Execute(connection,
                    "INSERT INTO assay.schema_migration (kind, position, name, checksum) VALUES ('migration', 7, "
                    "'0007_later', 'x');"
                    "UPDATE assay.schema_migration SET checksum = 'another' WHERE kind = 'view' AND name = 'flags'"),
            absl::OkStatus());
  const absl::Status status = Migrate(connection);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("the database's schema is version 7, this program knows 2: use a newer assay-coordinator"));
  EXPECT_EQ(FirstValue(connection, "SELECT checksum FROM assay.schema_migration WHERE name = 'flags'"), "another");
}

TEST(Migrator, MakesViewsAnewWhenOneHasChanged) {
  Connection connection(MigratedDatabaseUrl(), "test");
  ASSERT_EQ(Execute(connection,
                    "UPDATE assay.schema_migration SET checksum = 'another' WHERE name = 'flags';"
                    "CREATE VIEW public.mine AS SELECT 1 AS one; CREATE VIEW assay.mine_too AS SELECT 1 AS one"),
            absl::OkStatus());
  const std::string before = FirstValue(connection, "SELECT 'assay.flags'::regclass::oid");
  ASSERT_EQ(Migrate(connection), absl::OkStatus());
  EXPECT_NE(FirstValue(connection, "SELECT 'assay.flags'::regclass::oid"), before);
  EXPECT_EQ(FirstValue(connection, "SELECT one FROM assay.mine_too"), "1") << "views of others stay";
}

TEST(Migrator, RefusesToDropWhatOthersBuiltOnItsViews) {
  Connection connection(MigratedDatabaseUrl(), "test");
  ASSERT_EQ(Execute(connection,
                    "CREATE VIEW public.my_report AS SELECT run_id FROM assay.run_summary;"
                    "UPDATE assay.schema_migration SET checksum = 'another' WHERE name = 'flags'"),
            absl::OkStatus());
  const absl::Status status = Migrate(connection);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("my_report"));
  EXPECT_EQ(FirstValue(connection, "SELECT count(*) FROM public.my_report"), "0");
}

TEST(Migrator, SaysWhichRightIsMissing) {
  const std::string url = FreshDatabaseUrl();
  Connection owner(url, "test");
  ASSERT_EQ(Execute(owner, "DROP ROLE IF EXISTS guest; CREATE ROLE guest LOGIN"), absl::OkStatus());
  std::string guest_url = url;
  guest_url.replace(guest_url.find("assay@"), 5, "guest");
  Connection guest(guest_url, "test");
  const absl::Status status = Migrate(guest);
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("GRANT CREATE"));
}

TEST(Schema, EveryTableViewFunctionAndColumnIsExplained) {
  Connection connection(MigratedDatabaseUrl(), "test");
  const absl::StatusOr<Table> bare =
      Query(connection,
            "SELECT c.relname || coalesce('.' || a.attname, '') FROM pg_class c "
            "LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
            "WHERE c.relnamespace = 'assay'::regnamespace AND c.relkind IN ('v', 'r', 'p') AND c.relname <> "
            "'schema_migration' "
            "AND (obj_description(c.oid, 'pg_class') IS NULL OR (a.attnum IS NOT NULL AND col_description(c.oid, "
            "a.attnum) IS NULL)) "
            "UNION ALL SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'assay'::regnamespace "
            "AND obj_description(p.oid, 'pg_proc') IS NULL");
  ASSERT_TRUE(bare.ok()) << bare.status();
  std::vector<std::string> names;
  for (const auto& row : bare->rows) names.push_back(row[0].value_or(""));
  EXPECT_THAT(names, IsEmpty());
}

TEST(Schema, EveryViewFileMakesWhatItIsNamedAfter) {
  Connection connection(MigratedDatabaseUrl(), "test");
  for (const SqlFile& file : EmbeddedViews()) {
    if (file.name == "common_columns") continue;  // only explains columns
    EXPECT_EQ(
        FirstValue(connection,
                   "SELECT count(*) FROM (SELECT relname AS name FROM pg_class WHERE relnamespace = "
                   "'assay'::regnamespace AND relkind = 'v' "
                   "UNION SELECT proname FROM pg_proc WHERE pronamespace = 'assay'::regnamespace) made WHERE name = '" +
                       file.name + "'"),
        "1")
        << file.name;
  }
}

TEST(Schema, FormulasGiveTheSeedsDigits) {
  Connection connection(MigratedDatabaseUrl(), "test");
  EXPECT_EQ(FirstValue(connection, "SELECT assay.overhead_percent(9.149086713790894, 192, 24)"), "14.36358392238617");
  EXPECT_EQ(FirstValue(connection, "SELECT assay.overhead_per_wave_s(9.149086713790894, 192, 96, 24)"),
            "0.2872716784477234");
  EXPECT_EQ(FirstValue(connection, "SELECT assay.overhead_percent(1, 0, 0)"), "null");
  EXPECT_EQ(FirstValue(connection, "SELECT assay.instant(1700000000123456789)"), "2023-11-14 22:13:20.123456+00");
}

TEST(Connection, NamesWhatIsWrong) {
  Connection nowhere("postgresql://u:secret@127.0.0.1:1/db", "test");
  absl::Status status = Migrate(nowhere);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("127.0.0.1:1/db"));
  EXPECT_THAT(std::string(status.message()), ::testing::Not(HasSubstr("secret")));

  Connection unreadable("postgresql://u@:x:y/z?nothing=1", "test");
  EXPECT_EQ(Migrate(unreadable).code(), absl::StatusCode::kInvalidArgument);

  std::string url = FreshDatabaseUrl();
  url.replace(url.find("/test_"), std::string("/test_").size(), "/none_");
  Connection no_database(url, "test");
  status = Migrate(no_database);
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("createdb"));

  std::string other_user = FreshDatabaseUrl();
  other_user.replace(other_user.find("assay@"), 5, "nobody_here");
  Connection no_role(other_user, "test");
  EXPECT_EQ(Migrate(no_role).code(), absl::StatusCode::kPermissionDenied);

  status = CheckServerVersion(130'012, "somewhere");
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("13.12"));
  EXPECT_EQ(CheckServerVersion(150'000, "somewhere"), absl::OkStatus());
}

TEST(Connection, RollsBackOnABadStatusAndComesBackAfterItsBackendWasKilled) {
  const std::string url = MigratedDatabaseUrl();
  Connection connection(url, "test");
  EXPECT_EQ(connection
                .Transact([](pqxx::transaction_base& transaction) {
                  transaction.exec("CREATE TABLE public.t (a int)");
                  return absl::CancelledError("enough");
                })
                .code(),
            absl::StatusCode::kCancelled);
  EXPECT_EQ(FirstValue(connection, "SELECT count(*) FROM pg_tables WHERE tablename = 't'"), "0");

  const absl::Status killed = Execute(connection, "SELECT pg_terminate_backend(pg_backend_pid())");
  EXPECT_EQ(killed.code(), absl::StatusCode::kUnavailable) << killed;
  EXPECT_EQ(FirstValue(connection, "SELECT 1"), "1");
  EXPECT_EQ(FirstValue(connection, "SHOW search_path"), "assay, public");
  EXPECT_EQ(Execute(connection, "SELEKT").code(), absl::StatusCode::kInternal);
  EXPECT_EQ(FirstValue(connection, "SELECT 2"), "2");
}

}  // namespace
}  // namespace assay
