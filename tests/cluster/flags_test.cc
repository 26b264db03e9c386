// Flags as they come out of a real store: rows are written as agents write them, the finisher reads, judges and stores.
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <pqxx/pqxx>
#include <thread>

#include "coordinator/finisher.h"
#include "tests/storage/store_fixture.h"

namespace assay {
namespace {

class FlagsTest : public StoreTest {
 protected:
  // A run of two agents, 50 sleeps each, `planned` and `slept` giving the lengths in ns; sampled every 100 ms for a
  // second.
  void WriteRun(const std::function<int64_t(uint64_t)>& planned, const std::function<int64_t(uint64_t)>& slept) {
    sweep_ = MakeSweep(1, {{"dask", R"({"tasks": 100})"}});
    cell_.set_target("dask");
    cell_.mutable_sampling()->set_every_ns(100 * kMs);
    cell_.mutable_sampling()->set_cooldown_ns(500 * kMs);
    spec_.mutable_limits()->set_failures_fraction(-1);
    spec_.mutable_limits()->set_slip_p99_ns(-1);
    spec_.mutable_limits()->set_start_skew_ns(-1);
    RunRow run = MakeRun(sweep_, 0, 1, {a_, b_}, 50);
    run_id_ = run.run_id;
    ASSERT_TRUE(Execute("UPDATE share SET samples = true").ok());
    ASSERT_EQ(store_.StartRun(run_id_, kT0Ns), absl::OkStatus());
    for (const auto& [stream, agent] : {std::pair{"sa", a_}, std::pair{"sb", b_}}) {
      Open(stream, agent);
      v1::Batch batch = NextBatch(stream, run_id_);
      int64_t at_ns = first_dispatch_ns_[stream];
      for (uint64_t k = 0; k < 50; ++k) {
        const uint64_t index = (agent == b_ ? 50 : 0) + k;
        AddTrigger(batch, index, at_ns, at_ns + slip_ns_, at_ns + slip_ns_ + slept(index),
                   index < failures_ ? v1::FAILED : v1::OK);
        batch.mutable_triggers()->rbegin()->set_planned_ns(planned(index));
        if (k % 2 == 1) at_ns += (slip_ns_ + std::max(slept(index), slept(index - 1))) / crowd_;
      }
      v1::ShareEnd& end = *batch.mutable_share_end();
      end.set_fired(50);
      end.set_first_dispatch_ns(first_dispatch_ns_[stream]);
      end.set_clock_bound_ns(100'000);
      end.set_sampler_ticks(20);
      end.set_missed_ticks(missed_ticks_);
      end.set_sampled_until_ns(at_ns + sampled_ns_);
      WriteOk({batch});
    }
    ASSERT_EQ(store_.DrainRun(run_id_), absl::OkStatus());
  }

  // "code:severity ..." in order, as stored.
  std::string Judged() {
    std::promise<std::string> ended;
    Finisher finisher(url_, 0, [&](int64_t, const std::string& verdict, bool) { ended.set_value(verdict); });
    finisher.Finish({run_id_, spec_, cell_, {}});
    std::future<std::string> verdict = ended.get_future();
    if (verdict.wait_for(std::chrono::seconds(60)) != std::future_status::ready) return "the run was not judged";
    EXPECT_EQ(Value("SELECT verdict FROM run_summary"), verdict.get());
    return Value("SELECT string_agg(code || ':' || severity, ' ' ORDER BY code) FROM flags WHERE code <> 'cold'");
  }

  static int64_t Varied(uint64_t index) { return kMs + static_cast<int64_t>(index * 7919 % 100) * 90'000; }

  SweepRow sweep_;
  v1::SweepSpec spec_;
  v1::CellSpec cell_;
  int64_t run_id_ = 0;
  std::map<std::string, int64_t> first_dispatch_ns_{{"sa", 100'000}, {"sb", 200'000}};
  int64_t slip_ns_ = 1000;
  int64_t crowd_ = 1;  // as many times its slots are taken
  int64_t sampled_ns_ = 520 * kMs;
  uint64_t missed_ticks_ = 0;
  uint64_t failures_ = 0;
};

TEST_F(FlagsTest, ACleanRunHasNone) {
  WriteRun(Varied, Varied);
  EXPECT_EQ(Judged(), "null");
  EXPECT_EQ(Value("SELECT list_schedule_s > 0 AND list_schedule_s <= makespan_s FROM run_summary"), "t");
  EXPECT_EQ(Value("SELECT planned_list_schedule_s = list_schedule_s FROM run_summary"), "t")
      << "the sleeps took what was asked for";
}

TEST_F(FlagsTest, ZeroVariance) {
  WriteRun(Varied, [](uint64_t) { return 10 * kMs; });
  EXPECT_EQ(Judged(), "zero_variance:reject");
}

TEST_F(FlagsTest, Impossible) {
  WriteRun(Varied, [](uint64_t index) { return Varied(index) / 3; });
  EXPECT_EQ(Judged(), "impossible:reject");
}

TEST_F(FlagsTest, ImpossibleByTheMeasuredLengthsAlone) {
  crowd_ = 2;
  WriteRun([](uint64_t) { return -1; }, Varied);
  EXPECT_EQ(Judged(), "impossible:reject");
}

TEST_F(FlagsTest, StartSkew) {
  first_dispatch_ns_["sb"] = 80 * kMs;
  WriteRun(Varied, Varied);
  EXPECT_EQ(Judged(), "start_skew:warning");
}

TEST_F(FlagsTest, SlipRejectsWhereTheScenarioSetsTheLimit) {
  slip_ns_ = 8 * kMs;
  spec_.mutable_limits()->set_slip_p99_ns(-1);
  WriteRun(Varied, Varied);
  spec_.mutable_limits()->set_slip_p99_ns(5 * kMs);
  EXPECT_EQ(Judged(), "slip:reject");
}

TEST_F(FlagsTest, FailuresAndSamplerGapAndAnEarlyEndOfSampling) {
  failures_ = 5;
  missed_ticks_ = 4;
  sampled_ns_ = 100 * kMs;
  WriteRun(Varied, Varied);
  EXPECT_EQ(Judged(),
            "failures:reject sampler_gap:warning sampler_gap:warning sampling_ended_early:warning "
            "sampling_ended_early:warning");
}

// A run of two agents with 50 triggers each, accepted whatever becomes of its agents; b was given up after 20 of its
// own.
class LostAgentTest : public StoreTest {
 protected:
  LostAgentTest()
      : finisher_(url_, 0, [this](int64_t, const std::string& verdict, bool) { ended_.set_value(verdict); }) {
    SweepRow sweep;
    sweep.scenario_yaml = "name: lost\n";
    sweep.spec.set_name("lost");
    sweep.spec.set_blocks(1);
    sweep.spec.set_on_agent_loss(v1::SweepSpec::ACCEPT);
    sweep.spec.mutable_limits()->set_failures_fraction(-1);
    sweep.spec.mutable_limits()->set_slip_p99_ns(-1);
    sweep.spec.mutable_limits()->set_start_skew_ns(-1);
    CellRow cell;
    cell.spec.set_target("t");
    sweep.cells.push_back(cell);
    EXPECT_EQ(store_.CreateSweep(sweep), absl::OkStatus());
    run_id_ = StartedRun(sweep, 0, 1, {a_, b_}, 50).run_id;
    job_ = {run_id_, sweep.spec, sweep.cells[0].spec, {}};
    Open("sa", a_);
    Open("sb", b_);
    v1::Batch a = Fired("sa", 0, 50);
    a.mutable_share_end()->set_fired(50);
    WriteOk({a, Fired("sb", 50, 20)});
    EXPECT_EQ(store_.DrainRun(run_id_), absl::OkStatus());
    EXPECT_TRUE(*store_.LoseShare(run_id_, b_, "its lease was over"));
  }

  v1::Batch Fired(const std::string& stream, uint64_t from, uint64_t count) {
    v1::Batch batch = NextBatch(stream, run_id_);
    for (uint64_t i = from; i < from + count; ++i) {
      const int64_t at_ns = static_cast<int64_t>(i % 50) * 5 * kMs;
      AddTrigger(batch, i, at_ns, at_ns, at_ns + kMs + static_cast<int64_t>(i) * 1000);
    }
    return batch;
  }
  std::string Ended() {
    std::future<std::string> verdict = ended_.get_future();
    if (verdict.wait_for(std::chrono::seconds(60)) != std::future_status::ready) return "the run was not judged";
    return verdict.get();
  }
  bool Becomes(const std::string& sql, const std::string& value) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (Value(sql) != value) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
  }

  int64_t run_id_ = 0;
  Scheduler::EndRun job_;
  std::promise<std::string> ended_;
  Finisher finisher_;
};

TEST_F(LostAgentTest, AnAcceptedRunStaysAcceptedWhenLateRowsCome) {
  finisher_.Finish(job_);
  ASSERT_EQ(Ended(), "accepted");
  EXPECT_EQ(Value("SELECT lost FROM run_summary"), "30");
  ASSERT_EQ(WriteOk({Fired("sb", 70, 20)}).late_runs.size(), 1u);
  finisher_.Refresh(run_id_);
  ASSERT_TRUE(Becomes("SELECT lost FROM run_summary", "10"));
  EXPECT_EQ(Value("SELECT verdict || ' ' || flags::text FROM run_summary"), "accepted {agent_lost,cold}");
}

TEST_F(LostAgentTest, AnInterruptedShareIsJudgedTheSameAgain) {
  ASSERT_TRUE(
      Execute("UPDATE share SET state = 'leased', lost_at = NULL, lost_reason = NULL WHERE state = 'lost'").ok());
  v1::Batch end = NextBatch("sb", run_id_);
  end.mutable_share_end()->set_fired(20);
  end.mutable_share_end()->set_interrupted(true);
  end.mutable_share_end()->set_error("the agent was told to stop; 30 of 50 triggers were not started");
  WriteOk({end});
  finisher_.Finish(job_);
  ASSERT_EQ(Ended(), "accepted");
  const std::string flags = "SELECT string_agg(code || ':' || severity || ':' || detail, ' ' ORDER BY code) FROM flags";
  const std::string first = Value(flags);
  EXPECT_NE(first.find("interrupted:warning:agent b stopped after 20 triggers: the agent was told to stop"),
            std::string::npos)
      << first;
  ASSERT_TRUE(Execute("DELETE FROM flag").ok());
  ASSERT_TRUE(Execute("INSERT INTO flag SELECT sweep_id, run_id, 'interrupted', 'warning', 'b' FROM run").ok());
  finisher_.Refresh(run_id_);
  EXPECT_TRUE(Becomes(flags, first)) << Value(flags);
  EXPECT_EQ(Value("SELECT verdict FROM run"), "accepted");
}

TEST_F(LostAgentTest, RowsThatComeWhileTheRunIsJudgedAreJudgedToo) {
  // The writer has its rows in, but not yet committed, when the finisher has read the run and wants to end it.
  Connection writer(url_, "test writer");
  ASSERT_EQ(writer.Transact([&](pqxx::transaction_base& transaction) {
    transaction.exec("SELECT FROM run FOR KEY SHARE");
    transaction.exec(
        "INSERT INTO trigger (sweep_id, run_id, agent_id, index, intended_ns, dispatched_ns, started_ns, finished_ns, "
        "outcome) SELECT sweep_id, run_id, agent_id, 70, 0, 0, 0, 1000000, 'ok' FROM share WHERE state = 'lost'");
    finisher_.Finish(job_);
    EXPECT_TRUE(Becomes("SELECT count(*) FROM pg_locks WHERE NOT granted", "1"));
    return absl::OkStatus();
  }),
            absl::OkStatus());
  ASSERT_EQ(Ended(), "accepted");
  EXPECT_EQ(Value("SELECT detail LIKE '%; 21 of its 50 triggers are known' FROM flags WHERE code = 'agent_lost'"), "t");
}

TEST_F(LostAgentTest, ARunThatCanNeverBeJudgedIsRejectedAndKeepsNobodyWaiting) {
  // Any permanent error will do: a column that only the judge reads is gone.
  ASSERT_TRUE(Execute("ALTER TABLE trigger RENAME COLUMN output TO moved").ok());
  finisher_.Finish(job_);
  ASSERT_EQ(Ended(), "rejected");
  EXPECT_EQ(Value("SELECT state || ' ' || verdict FROM run"), "ended rejected");
  EXPECT_EQ(Value("SELECT detail LIKE '%output%its rows are kept' FROM flag WHERE code = 'not_judged'"), "t");
}

}  // namespace
}  // namespace assay
