#include "storage/sweep_store.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <pqxx/pqxx>

#include "storage/table.h"
#include "tests/storage/store_fixture.h"

namespace assay {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using SweepStoreTest = StoreTest;

TEST_F(SweepStoreTest, ReadsBackWhatItStored) {
  SweepRow sweep = MakeSweep(3, {{"sleep", R"({"tasks": 10})"}, {"sleep", R"({"tasks": 20})"}});
  SweepRow other;
  other.spec.set_name("other");
  other.sets = {"tasks=[1,2]", R"(quote="a\b",{x})"};
  other.scenario_yaml = "name: other\n";
  ASSERT_EQ(store_.CreateSweep(other), absl::OkStatus());
  ASSERT_EQ(store_.SetSweepState(sweep.sweep_id, "running", ""), absl::OkStatus());

  const absl::StatusOr<std::vector<SweepRow>> sweeps = store_.UnfinishedSweeps();
  ASSERT_TRUE(sweeps.ok()) << sweeps.status();
  ASSERT_EQ(sweeps->size(), 2u);
  const SweepRow& first = (*sweeps)[0];
  EXPECT_EQ(first.sweep_id, sweep.sweep_id);
  EXPECT_EQ(first.state, "running");
  EXPECT_EQ(first.spec.SerializeAsString(), sweep.spec.SerializeAsString());
  ASSERT_EQ(first.cells.size(), 2u);
  EXPECT_EQ(first.cells[1].cell_id, sweep.cells[1].cell_id);
  EXPECT_EQ(first.cells[1].position, 1u);
  EXPECT_EQ(first.cells[1].params, R"({"tasks": 20})");
  EXPECT_EQ(first.cells[1].spec.target(), "sleep");
  EXPECT_EQ(Value("SELECT scenario_yaml FROM sweep WHERE name = 'other'"), other.scenario_yaml);
  EXPECT_EQ(Value("SELECT sets[1] FROM sweep WHERE name = 'other'"), other.sets[0]);
  EXPECT_EQ(Value("SELECT sets[2] FROM sweep WHERE name = 'other'"), other.sets[1]);
  EXPECT_EQ(Value("SELECT seed FROM sweep WHERE sweep_id = " + std::to_string(sweep.sweep_id)), "18446744073709551615");
}

TEST_F(SweepStoreTest, ACellKnowsTheBoundsOfItsSleepsAlsoOfADriversTasks) {
  SweepRow sweep;
  sweep.spec.set_name("bounds");
  sweep.cells.resize(3);
  for (uint32_t i = 0; i < 3; ++i) sweep.cells[i].position = i;
  sweep.cells[0].spec.mutable_trigger()->mutable_sleep()->mutable_length()->set_fixed_ns(7);
  v1::DriverTrigger& driver = *sweep.cells[1].spec.mutable_trigger()->mutable_driver();
  driver.mutable_sleep()->mutable_uniform()->set_min_ns(1);
  driver.mutable_sleep()->mutable_uniform()->set_max_ns(10);
  sweep.cells[2].spec.mutable_trigger()->mutable_driver()->add_argv("without");
  ASSERT_EQ(store_.CreateSweep(sweep), absl::OkStatus());
  EXPECT_EQ(
      Value("SELECT string_agg(coalesce(sleep_min_ns || '..' || sleep_max_ns, 'none'), ' ' ORDER BY position) FROM "
            "cell WHERE sweep_id = " +
            std::to_string(sweep.sweep_id)),
      "7..7 1..10 none");
}

TEST_F(SweepStoreTest, GoesThroughTheStatesOfASweepAndNoOtherWay) {
  const SweepRow sweep = MakeSweep(1, {{"t", "{}"}});
  const int64_t id = sweep.sweep_id;
  EXPECT_EQ(store_.SetSweepState(id, "finished", "").code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(store_.SetSweepState(id, "running", ""), absl::OkStatus());
  EXPECT_EQ(store_.SetSweepState(id, "running", ""), absl::OkStatus());
  EXPECT_EQ(store_.RequestCancel(id, false), absl::OkStatus());
  EXPECT_EQ(store_.RequestCancel(id, true), absl::OkStatus());
  EXPECT_EQ(store_.RequestCancel(id, false), absl::OkStatus());
  EXPECT_TRUE(store_.UnfinishedSweeps()->at(0).cancel_now) << "a stop is not taken back";
  EXPECT_EQ(store_.RemoveSweep(id).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(store_.SetSweepState(id, "cancelled", ""), absl::OkStatus());
  EXPECT_TRUE(store_.UnfinishedSweeps()->empty());
  EXPECT_EQ(store_.SetSweepState(id, "running", "").code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(store_.RequestCancel(id, false).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(store_.RequestCancel(id + 1, false).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(store_.RemoveSweep(id), absl::OkStatus());
  EXPECT_EQ(store_.RemoveSweep(id).code(), absl::StatusCode::kNotFound);

  const SweepRow failing = MakeSweep(1, {{"t", "{}"}});
  EXPECT_EQ(store_.SetSweepState(failing.sweep_id, "failed", "the hook exited with 1"), absl::OkStatus());
  EXPECT_EQ(Value("SELECT failure FROM progress WHERE sweep_id = " + std::to_string(failing.sweep_id)),
            "the hook exited with 1");
}

TEST_F(SweepStoreTest, GoesThroughTheStatesOfARun) {
  const SweepRow sweep = MakeSweep(1, {{"t", "{}"}});
  RunRow run = MakeRun(sweep, 0, 0, {a_, b_}, 5);
  EXPECT_EQ(store_.DrainRun(run.run_id).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(store_.StartRun(run.run_id, kT0Ns), absl::OkStatus());
  EXPECT_EQ(store_.StartRun(run.run_id, kT0Ns), absl::OkStatus());
  EXPECT_EQ(store_.DrainRun(run.run_id), absl::OkStatus());
  EXPECT_EQ(store_.StartRun(run.run_id, kT0Ns).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(store_.StartRun(run.run_id + 1, kT0Ns).code(), absl::StatusCode::kNotFound);

  const absl::StatusOr<std::vector<RunRow>> runs = store_.RunsOfSweep(sweep.sweep_id);
  ASSERT_TRUE(runs.ok()) << runs.status();
  ASSERT_EQ(runs->size(), 1u);
  const RunRow* const read = &runs->front();
  EXPECT_EQ(read->state, "draining");
  EXPECT_EQ(read->verdict, "running");
  EXPECT_EQ(read->t0_ns, kT0Ns);
  ASSERT_EQ(read->shares.size(), 2u);
  EXPECT_EQ(read->shares[1].agent, "b");
  EXPECT_EQ(read->shares[1].first_index, 5u);
  EXPECT_EQ(read->shares[1].state, "leased");

  EXPECT_TRUE(*store_.LoseShare(run.run_id, b_, "no report for 10 s"));
  EXPECT_TRUE(*store_.LoseShare(run.run_id, b_, "no report for 20 s")) << "asked again";
  EXPECT_EQ(store_.LoseShare(run.run_id + 1, b_, "").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(SweepStoreTest, ARunThatIsStartedAgainHasTheT0ThatWillBeActedOn) {
  const SweepRow sweep = MakeSweep(1, {{"t", "{}"}});
  const RunRow run = StartedRun(sweep, 0, 0, {a_}, 5);  // its answer was lost, and the next try is later
  EXPECT_EQ(store_.StartRun(run.run_id, kT0Ns + kMs), absl::OkStatus());
  EXPECT_EQ(store_.RunsOfSweep(sweep.sweep_id)->at(0).t0_ns, kT0Ns + kMs);
}

TEST_F(SweepStoreTest, KnowsWhichRunsLostAnAgent) {
  const SweepRow sweep = MakeSweep(4, {{"t", "{}"}});
  const auto lost = [&](uint32_t block, const std::vector<Flag>& flags) {
    const RunRow run = StartedRun(sweep, 0, block, {a_}, 1);
    EXPECT_EQ(store_.EndRun(run.run_id, {.verdict = "rejected", .flags = flags, .list_schedule_s = 1, .error = ""}),
              absl::OkStatus());
    return store_.RunsOfSweep(sweep.sweep_id)->back().agent_lost;
  };
  EXPECT_TRUE(lost(0, {{"slip", "warning", ""}, {"agent_lost", "reject", "b"}}));
  EXPECT_TRUE(lost(1, {{"interrupted", "reject", "b"}}));
  EXPECT_FALSE(lost(2, {{"agent_lost", "warning", "b"}, {"failures", "reject", ""}})) << "the scenario accepts it";
  EXPECT_FALSE(lost(3, {}));
}

TEST_F(SweepStoreTest, TheDatabaseItselfRefusesImpossibleStates) {
  const SweepRow sweep = MakeSweep(1, {{"t", "{}"}});
  const RunRow run = StartedRun(sweep, 0, 0, {a_}, 5);
  for (const char* impossible : {
           "UPDATE sweep SET state = 'paused'",
           "UPDATE sweep SET state = 'running'",
           "UPDATE sweep SET state = 'finished'",
           "UPDATE sweep SET state = 'failed', ended_at = now()",
           "UPDATE sweep SET cancel_now = true",
           "UPDATE run SET t0_ns = NULL",
           "UPDATE run SET verdict = 'accepted'",
           "UPDATE run SET state = 'ended', ended_at = now()",
           "UPDATE run SET state = 'ended', verdict = 'rejected'",
           "UPDATE run SET state = 'preparing'",
           "UPDATE run SET state = 'ended', verdict = 'rejected', ended_at = now(), t0_ns = NULL",
           "UPDATE share SET state = 'ended'",
           "UPDATE share SET state = 'lost'",
           "UPDATE share SET lost_at = now()",
           "UPDATE share SET fired = 1",
           "UPDATE share SET ended_at = now(), fired = 1, error = ''",
           "UPDATE flag SET severity = 'grave'; INSERT INTO flag SELECT sweep_id, run_id, 'x', 'grave', '' FROM run",
           "INSERT INTO run (sweep_id, cell_id, block, attempt) SELECT sweep_id, cell_id, block, attempt FROM run",
       }) {
    const absl::Status status = Execute(impossible);
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal) << impossible << ": " << status;
    EXPECT_THAT(std::string(status.message()), ::testing::AnyOf(HasSubstr("23514"), HasSubstr("23505"))) << impossible;
  }
  ASSERT_EQ(store_.EndRun(run.run_id, {.verdict = "accepted", .flags = {}, .list_schedule_s = 1, .error = ""}),
            absl::OkStatus());
  RunRow again = run;
  again.attempt = 2;
  again.shares.clear();
  ASSERT_EQ(store_.CreateRun(again), absl::OkStatus());
  ASSERT_EQ(store_.StartRun(again.run_id, kT0Ns), absl::OkStatus());
  const absl::Status second =
      store_.EndRun(again.run_id, {.verdict = "accepted", .flags = {}, .list_schedule_s = 1, .error = ""});
  EXPECT_THAT(std::string(second.message()), HasSubstr("run_one_accepted")) << "a cell has one accepted run per block";
}

TEST_F(SweepStoreTest, ARunThatNeverFiredEndsWithItsReason) {
  const SweepRow sweep = MakeSweep(1, {{"t", "{}"}});
  const RunRow run = MakeRun(sweep, 0, 0, {a_, b_}, 5);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  ASSERT_EQ(store_.EndRun(
                run.run_id,
                {.verdict = "rejected", .flags = {}, .list_schedule_s = nan, .error = "a refused: no such program"}),
            absl::OkStatus());
  EXPECT_EQ(Count("trigger"), 0);
  EXPECT_EQ(Value("SELECT error FROM run_summary"), "a refused: no such program");
  EXPECT_EQ(Value("SELECT string_agg(state || fired, ' ') FROM share"), "ended0 ended0");
  EXPECT_EQ(Value("SELECT left_out_why FROM cell_summary"),
            "{\"run " + std::to_string(run.run_id) + ": a refused: no such program\"}");
  EXPECT_EQ(Value("SELECT list_schedule_s FROM run_summary"), "null");
}

TEST_F(SweepStoreTest, HooksOfTargetsKeepTheirTargetAndDoNotReplaceEachOther) {
  const SweepRow sweep = MakeSweep(1, {{"t", "{}"}, {"u", "{}"}});
  const auto create = [&](const char* kind, const char* target) {
    std::vector<HookRow> hooks(1);
    hooks[0].sweep_id = sweep.sweep_id;
    hooks[0].kind = kind;
    hooks[0].target = target;
    hooks[0].where = "a";
    return store_.CreateHooks(hooks);
  };
  ASSERT_EQ(create("setup", "t"), absl::OkStatus());
  ASSERT_EQ(create("setup", "u"), absl::OkStatus());
  ASSERT_EQ(create("setup", "u"), absl::OkStatus()) << "as after a commit whose answer was lost";
  ASSERT_EQ(create("before_sweep", ""), absl::OkStatus());
  const auto hooks = store_.HooksOfSweep(sweep.sweep_id);
  ASSERT_TRUE(hooks.ok()) << hooks.status();
  std::vector<std::string> found;
  for (const HookRow& hook : *hooks) found.push_back(hook.kind + ":" + hook.target);
  EXPECT_EQ(found, (std::vector<std::string>{"setup:t", "setup:u", "before_sweep:"}));
  EXPECT_FALSE(create("setup", "").ok());
}

TEST_F(SweepStoreTest, ACancelNowMarksTheHooksThatRun) {
  const SweepRow sweep = MakeSweep(1, {{"t", "{}"}});
  std::vector<HookRow> ended(1);
  ended[0].sweep_id = sweep.sweep_id;
  ended[0].kind = "before_sweep";
  std::vector<HookRow> running = ended;
  running[0].kind = "after_sweep";
  ASSERT_EQ(store_.CreateHooks(ended), absl::OkStatus());
  ASSERT_EQ(store_.CreateHooks(running), absl::OkStatus());
  ended[0].state = "ok";
  ASSERT_EQ(store_.EndHook(ended[0]), absl::OkStatus());
  const auto cut = [&] { return Value("SELECT string_agg(kind, ' ') FROM hook WHERE cut"); };
  ASSERT_EQ(store_.RequestCancel(sweep.sweep_id, false), absl::OkStatus());
  EXPECT_EQ(cut(), "null");
  ASSERT_EQ(store_.RequestCancel(sweep.sweep_id, true), absl::OkStatus());
  EXPECT_EQ(cut(), "after_sweep");
  EXPECT_TRUE(store_.HooksOfSweep(sweep.sweep_id)->at(1).cut);
  running[0].state = "ok";
  ASSERT_EQ(store_.EndHook(running[0]), absl::OkStatus());
  EXPECT_EQ(cut(), "null") << "it was quicker";
}

TEST_F(SweepStoreTest, RemovingASweepLeavesTheOthers) {
  const SweepRow gone = MakeSweep(1, {{"t", "{}"}});
  const SweepRow kept = MakeSweep(1, {{"t", "{}"}});
  Open("s", a_);
  v1::Batch first = NextBatch("s", StartedRun(gone, 0, 0, {a_}, 1).run_id);
  AddTrigger(first, 0, 0, 0, 1);
  v1::Batch second = NextBatch("s", StartedRun(kept, 0, 0, {a_}, 1).run_id);
  AddTrigger(second, 0, 0, 0, 1);
  WriteOk({first, second});
  std::vector<HookRow> hooks(1);
  hooks[0].sweep_id = gone.sweep_id;
  hooks[0].kind = "before_sweep";
  ASSERT_EQ(store_.CreateHooks(hooks), absl::OkStatus());
  ASSERT_EQ(store_.SetSweepState(gone.sweep_id, "cancelled", ""), absl::OkStatus());
  ASSERT_EQ(store_.RemoveSweep(gone.sweep_id), absl::OkStatus());
  EXPECT_EQ(Count("trigger"), 1);
  EXPECT_EQ(Count("run"), 1);
  EXPECT_EQ(Count("hook"), 0);
  const auto partitions = [&](const SweepRow& sweep) {
    return Count("pg_class WHERE relkind = 'r' AND relname ~ '_" + std::to_string(sweep.sweep_id) + "$'");
  };
  EXPECT_EQ(partitions(gone), 0);
  EXPECT_EQ(partitions(kept), 4);
  EXPECT_EQ(Count("pg_class WHERE relnamespace = 'assay'::regnamespace AND relispartition"), 0)
      << "psql's \\d lists what is documented";
}

TEST_F(SweepStoreTest, RemovingASweepGivesUpBehindALongQueryInsteadOfHoldingUpEveryWriter) {
  const SweepRow sweep = MakeSweep(1, {{"t", "{}"}});
  ASSERT_EQ(store_.SetSweepState(sweep.sweep_id, "cancelled", ""), absl::OkStatus());
  Connection reader(url_, "reader");
  const absl::Status read = reader.Transact([&](pqxx::transaction_base& transaction) {
    transaction.exec("SELECT count(*) FROM trigger");
    const absl::Status removed = store_.RemoveSweep(sweep.sweep_id);
    EXPECT_EQ(removed.code(), absl::StatusCode::kUnavailable);
    EXPECT_THAT(std::string(removed.message()), HasSubstr("try again"));
    return absl::OkStatus();
  });
  ASSERT_EQ(read, absl::OkStatus());
  EXPECT_EQ(Count("sweep"), 1);
  EXPECT_EQ(store_.RemoveSweep(sweep.sweep_id), absl::OkStatus());
}

TEST_F(SweepStoreTest, KeepsHooks) {
  const SweepRow sweep = MakeSweep(1, {{"t", "{}"}});
  const RunRow run = MakeRun(sweep, 0, 0, {a_}, 1);
  std::vector<HookRow> hooks(1);
  HookRow& hook = hooks[0];
  hook.sweep_id = sweep.sweep_id;
  hook.run_id = run.run_id;
  hook.kind = "before_run";
  hook.where = "a";
  hook.incarnation = "i";
  ASSERT_EQ(store_.CreateHooks(hooks), absl::OkStatus());
  EXPECT_EQ(store_.HooksOfSweep(sweep.sweep_id)->at(0).state, "running");
  hook.state = "failed";
  hook.exit_code = 3;
  hook.error = std::string("bad\0text\xff", 9);
  hook.output = std::string("\0\x01\xff", 3);
  hook.elapsed_ns = 5 * kMs;
  hook.steps = {{"db", "stop", 1'000'000'500, 3'000'000'000, ""}, {"db", "start", 3'000'000'000, 4'000'000'000, "no"}};
  ASSERT_EQ(store_.EndHook(hook), absl::OkStatus());
  ASSERT_EQ(store_.EndHook(hook), absl::OkStatus()) << "again, after a commit whose answer was lost";
  EXPECT_EQ(Value("SELECT string_agg(concat_ws('|', step, container, action, extract(epoch FROM begun_at)::float8, "
                  "ended_at - begun_at, error), ' ' ORDER BY step) FROM hook_step"),
            "1|db|stop|1|00:00:02| 2|db|start|3|00:00:01|no");
  const HookRow read = store_.HooksOfSweep(sweep.sweep_id)->at(0);
  EXPECT_EQ(read.state, "failed");
  EXPECT_EQ(read.run_id, run.run_id);
  EXPECT_EQ(read.incarnation, "i");
  EXPECT_EQ(read.exit_code, 3);
  EXPECT_EQ(read.error, "bad\xEF\xBF\xBDtext\xEF\xBF\xBD");
  EXPECT_EQ(read.output, hook.output);
  EXPECT_EQ(read.elapsed_ns, 5 * kMs);
  hook.hook_id += 1;
  EXPECT_EQ(store_.EndHook(hook).code(), absl::StatusCode::kNotFound);
}

TEST_F(SweepStoreTest, ASweepStartsWithAllItsHooksAndItsAgents) {
  const SweepRow sweep = MakeSweep(1, {{"t", "{}"}});
  const int64_t id = sweep.sweep_id;
  ASSERT_EQ(store_.PinAgents(id, {"a", "b"}), absl::OkStatus());
  EXPECT_EQ(store_.PinAgents(id + 1, {"a"}).code(), absl::StatusCode::kNotFound);
  std::vector<HookRow> hooks(2);
  for (HookRow& hook : hooks) {
    hook.sweep_id = id;
    hook.kind = "before_sweep";
    hook.where = &hook == &hooks[0] ? "a" : "b";
  }
  ASSERT_EQ(store_.StartSweep(id, hooks), absl::OkStatus());
  ASSERT_EQ(store_.StartSweep(id, hooks), absl::OkStatus()) << "asked again: the answer was lost";
  const std::vector<HookRow> read = store_.HooksOfSweep(id).value();
  ASSERT_EQ(read.size(), 2u);
  EXPECT_EQ(read[1].hook_id, hooks[1].hook_id);
  EXPECT_EQ(read[1].where, "b");
  EXPECT_EQ(store_.UnfinishedSweeps()->at(0).state, "running");
  EXPECT_THAT(store_.UnfinishedSweeps()->at(0).pinned_agents, ElementsAre("a", "b"));

  const SweepRow cancelled = MakeSweep(1, {{"t", "{}"}});
  ASSERT_EQ(store_.RequestCancel(cancelled.sweep_id, false), absl::OkStatus());
  for (HookRow& hook : hooks) hook.sweep_id = cancelled.sweep_id;
  EXPECT_EQ(store_.StartSweep(cancelled.sweep_id, hooks).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(store_.HooksOfSweep(cancelled.sweep_id)->empty());
}

TEST_F(SweepStoreTest, AgentsKeepTheirIdentity) {
  EXPECT_EQ(store_.UpsertAgent("a", "moved", "[]", "{}").value(), a_);
  EXPECT_EQ(Value("SELECT host FROM agent WHERE name = 'a'"), "moved");
  EXPECT_NE(a_, b_);
}

TEST_F(SweepStoreTest, StreamsViewsAndNamesTheNearest) {
  const SweepRow sweep = MakeSweep(1, {{"t", R"({"tasks": 1})"}, {"t", R"({"tasks": 2})"}});
  MakeSweep(1, {{"t", "{}"}});
  std::vector<std::string> seen;
  ASSERT_EQ(StreamView(connection_, "cell_summary", sweep.sweep_id,
                       [&](const auto& columns, const auto& row) {
                         EXPECT_EQ(columns[0], "sweep_id");
                         seen.push_back(row[2].value_or("null"));
                         return true;
                       }),
            absl::OkStatus());
  EXPECT_THAT(seen, ElementsAre("0", "1"));
  int rows = 0;
  ASSERT_EQ(StreamView(connection_, "cell", sweep.sweep_id, [&](const auto&, const auto&) { return ++rows < 1; }),
            absl::OkStatus());
  EXPECT_EQ(rows, 1) << "stops when told to";

  // Of two sweeps with a hook each, only the steps of the one asked for.
  ASSERT_EQ(connection_.Transact([&](pqxx::transaction_base& transaction) {
    transaction.exec(
        "INSERT INTO hook (sweep_id, kind, place, state, elapsed_ns) SELECT sweep_id, 'before_sweep', 'a', 'ok', 1 "
        "FROM "
        "sweep; INSERT INTO hook_step SELECT hook_id, 1, 'web-' || sweep_id, 'stop', now(), now() FROM hook");
    return absl::OkStatus();
  }),
            absl::OkStatus());
  seen.clear();
  ASSERT_EQ(StreamView(connection_, "hook_step", sweep.sweep_id,
                       [&](const auto&, const auto& row) {
                         seen.push_back(row[2].value_or("null"));
                         return true;
                       }),
            absl::OkStatus());
  EXPECT_THAT(seen, ElementsAre(fmt::format("web-{}", sweep.sweep_id)));

  const absl::Status unknown =
      StreamView(connection_, "run_sumary", sweep.sweep_id, [](const auto&, const auto&) { return true; });
  EXPECT_EQ(unknown.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(unknown.message()), HasSubstr("'run_summary'"));
  EXPECT_EQ(StreamView(connection_, "agent", sweep.sweep_id, [](const auto&, const auto&) { return true; }).code(),
            absl::StatusCode::kNotFound);

  const std::vector<std::string> views = SweepViews(connection_).value();
  for (const char* name :
       {"run_summary",     "cell_summary", "overhead", "container_usage", "container_rate", "host_usage",
        "comparison",      "scaling",      "flags",    "progress",        "agent_clock",    "trigger_time",
        "radps_benchmark", "trigger",      "sample",   "host_sample",     "share",          "run",
        "run_result",      "hook_step",    "floors"}) {
    EXPECT_THAT(views, ::testing::Contains(name));
    EXPECT_EQ(StreamView(connection_, name, sweep.sweep_id, [](const auto&, const auto&) { return true; }),
              absl::OkStatus())
        << name;
  }
}

}  // namespace
}  // namespace assay
