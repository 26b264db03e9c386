#include "cli/results/outcome.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "assay/v1/control.pb.h"
#include "cli/exit_code.h"
#include "cli/results/unfinished_sweep.h"
#include "cli/results/unrun_cells.h"
#include "cli/results/view_rows.h"
#include "tests/unit/cli/finished_sweep.h"

namespace assay {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST(OutcomeTest, TextAndJson) {
  const std::string text = OutcomeText(Finished());
  EXPECT_THAT(text, StartsWith("sweep 3 quick: finished, 3 of 4 cells x blocks accepted; 1 try rejected\n"));
  EXPECT_THAT(text, HasSubstr("What it means\n  Overhead over the list schedule"));
  Outcome waiting;
  waiting.sweep.set_state("pending");
  waiting.doing = "waiting for 1 more agent";
  EXPECT_THAT(OutcomeText(waiting), HasSubstr("\nwaiting for 1 more agent\n"));
  const std::string json = OutcomeJson(Finished(), 3, "/d/reports/sweep-3.md");
  EXPECT_THAT(
      json,
      StartsWith("{\"type\":\"end\",\"exit_code\":3,\"report\":\"/d/reports/sweep-3.md\",\"cells\":[{\"cell_id\":1,"));
  EXPECT_THAT(json, HasSubstr("\"accepted\":3"));
  EXPECT_THAT(json, HasSubstr(R"("params":{"tasks": 1000, "sleep": "1ms"},"accepted":2)"));
  EXPECT_THAT(json, HasSubstr(R"("overhead_over_planned_us_per_task":null)"));
  EXPECT_THAT(json, Not(HasSubstr("\n")));
}

TEST(UnrunCellsTest, OfACancelledSweepAreNamedWithTheirBlocks) {
  const ViewRows cells(Rows({"cell_id", "label"}, {{"7", "n=1"}, {"8", "n=2"}, {"9", "n=3"}}));
  const ViewRows runs(
      Rows({"cell_id", "block", "verdict"},
           {{"7", "1", "rejected"}, {"7", "1", "accepted"}, {"9", "2", "rejected"}, {"9", "1", "accepted"}}));
  const std::vector<UnrunCell> unrun = UnrunCells(cells, runs, 2);
  EXPECT_EQ(UnrunText(unrun, 2), "Not run: n=1 (block 2), n=2");
  EXPECT_EQ(UnrunText(UnrunCells(cells, runs, 4), 4), "Not run: n=1 (blocks 2, 3, 4), n=2, n=3 (blocks 3, 4)");
  EXPECT_EQ(UnrunText({}, 2), "");
  EXPECT_EQ(UnrunText({{"", {1}}}, 1), "Not run: the cell");
  EXPECT_THAT(UnrunText(std::vector<UnrunCell>(23, {"x", {1}}), 1), EndsWith(", x, and 3 more"));
  std::vector<uint32_t> many(12);
  for (uint32_t i = 0; i < 12; ++i) many[i] = i + 2;
  EXPECT_THAT(UnrunText({{"x", many}}, 20), EndsWith("x (blocks 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, ...)"));
  Outcome outcome = Finished();
  outcome.sweep.set_state("cancelled");
  outcome.unrun = unrun;
  outcome.blocks = 2;
  EXPECT_THAT(OutcomeText(outcome), HasSubstr("1 try rejected\nNot run: n=1 (block 2), n=2\n\n"));
}

TEST(UnfinishedSweepTest, SaysWhatBecomesOfItAndTheWayOut) {
  v1::SweepInfo sweep = Finished().sweep;
  sweep.set_state("running");
  EXPECT_EQ(UnfinishedText(sweep, ""),
            "sweep 3 (quick) is not finished: 3 of 4 cells x blocks accepted so far; it goes on when `assay up` starts "
            "the stack again, and `assay sweep cancel 3` ends it");
  EXPECT_THAT(UnfinishedText(sweep, "d"), HasSubstr("`assay sweep cancel 3 --data d` ends it"));
  sweep.set_state("cancelling");
  EXPECT_EQ(UnfinishedText(sweep, "d"),
            "sweep 3 (quick) is cancelled, and ends when `assay up --data d` starts the stack again");
}

TEST(ExitCodeTest, OfASweep) {
  v1::SweepInfo sweep = Finished().sweep;
  EXPECT_EQ(ExitCodeOf(sweep), kExitRejected);
  sweep.set_accepted(4);  // the rejected try was repeated
  EXPECT_EQ(ExitCodeOf(sweep), kExitAccepted);
  sweep.set_state("cancelled");
  EXPECT_EQ(ExitCodeOf(sweep), kExitInterrupted);
  sweep.set_state("failed");
  EXPECT_EQ(ExitCodeOf(sweep), kExitFailure);
}

TEST(ExitCodeTest, OfAnError) {
  EXPECT_EQ(ExitCodeOf(absl::InvalidArgumentError("x")), kExitUsage);
  EXPECT_EQ(ExitCodeOf(absl::UnavailableError("x")), kExitFailure);
}

}  // namespace
}  // namespace assay
