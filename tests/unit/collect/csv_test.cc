#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "collect/csv_text.h"
#include "collect/record_source.h"
#include "common/clock.h"
#include "common/nanoseconds.h"
#include "tests/unit/temp_dir.h"

namespace assay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::pair<size_t, std::vector<std::string>>> Rows(std::string_view text) {
  std::vector<std::pair<size_t, std::vector<std::string>>> rows;
  EXPECT_EQ(ReadCsv(text,
                    [&](size_t line, const std::vector<std::string>& values) {
                      rows.emplace_back(line, values);
                      return absl::OkStatus();
                    }),
            absl::OkStatus());
  return rows;
}

TEST(CsvText, QuotesLineEndsAndEmptyLines) {
  using Row = std::pair<size_t, std::vector<std::string>>;
  EXPECT_THAT(Rows("\xef\xbb\xbf"
                   "a,b\r\n\"x,\"\"y\"\"\nz\",2\n\n,\nlast,"),
              ElementsAre(Row{1, {"a", "b"}}, Row{2, {"x,\"y\"\nz", "2"}}, Row{5, {"", ""}}, Row{6, {"last", ""}}));
  EXPECT_TRUE(Rows("").empty());
  EXPECT_TRUE(absl::IsUnavailable(
      ReadCsv("a\n\"half of it", [](size_t, const std::vector<std::string>&) { return absl::OkStatus(); })));
}

class CsvSourceTest : public ::testing::Test {
 protected:
  void Write(const std::string& name, const std::string& text) { std::ofstream(temp_.path() + "/" + name) << text; }
  absl::StatusOr<Look> Read(const v1::Collector& collector) {
    absl::StatusOr<TaskReader> reader = TaskReader::Make("csv", collector, {.t0_unix_ns = 1'795'375'800 * kSecond});
    EXPECT_TRUE(reader.ok());
    return MakeCsvSource(collector.csv(), *std::move(reader))->Read({stop_, MonotonicNs() + 60 * kSecond});
  }
  v1::Collector Collector(const std::string& glob) {
    v1::Collector collector;
    collector.mutable_csv()->set_files(temp_.path() + "/" + glob);
    return collector;
  }

  const TempDir temp_;
  std::atomic<bool> stop_ = false;
};

TEST_F(CsvSourceTest, ColumnsInAnyOrderOfAllFilesOfAGlob) {
  Write("1.csv", "finished,unknown,task,state\n1795375802,x,one,success\n");
  Write("2.csv", "state,task,finished\nrunning,two,\n");
  Write("other.txt", "no,csv\n");
  const absl::StatusOr<Look> look = Read(Collector("*.csv"));
  ASSERT_TRUE(look.ok()) << look.status();
  ASSERT_EQ(look->tasks.size(), 2u);
  EXPECT_EQ(look->tasks[0].task(), "one");
  EXPECT_EQ(look->tasks[0].finished_ns(), 2 * kSecond);
  EXPECT_EQ(look->tasks[0].error_ns(), kSecond);
  EXPECT_EQ(look->tasks[1].task(), "two");
  EXPECT_FALSE(look->tasks[1].has_finished_ns());
  EXPECT_EQ(look->problem, "");
}

TEST_F(CsvSourceTest, ColumnsCanBeNamedAndAMissingOneIsToldWithTheFile) {
  Write("a.csv", "id,begin,state\n7,2026-11-22T19:30:01Z,ok\n");
  v1::Collector collector = Collector("a.csv");
  EXPECT_THAT(std::string(Read(collector).status().message()),
              testing::AllOf(HasSubstr("a.csv"), HasSubstr("field 'task'"), HasSubstr("columns")));
  (*collector.mutable_csv()->mutable_columns())["task"] = "id";
  (*collector.mutable_csv()->mutable_columns())["started"] = "begins";
  EXPECT_THAT(std::string(Read(collector).status().message()), HasSubstr("did you mean 'begin'?"));
  (*collector.mutable_csv()->mutable_columns())["started"] = "begin";
  const absl::StatusOr<Look> look = Read(collector);
  ASSERT_TRUE(look.ok()) << look.status();
  EXPECT_EQ(look->tasks.at(0).started_ns(), kSecond);
}

TEST_F(CsvSourceTest, WithoutAZoneTheLineAndColumnAreTold) {
  Write("a.csv", "task,finished\n1,\n2,2026-11-22 19:30:01\n");
  const absl::Status refused = Read(Collector("a.csv")).status();
  EXPECT_FALSE(absl::IsUnavailable(refused)) << "no later look will do better";
  EXPECT_THAT(std::string(refused.message()),
              testing::AllOf(HasSubstr("a.csv: line 3: "), HasSubstr("column 'finished'"), HasSubstr("zone: UTC")));
}

TEST_F(CsvSourceTest, WhatAFailedLookMisreadIsNotCountedByTheNext) {
  absl::StatusOr<TaskReader> reader = TaskReader::Make("csv", Collector("*.csv"), {.t0_unix_ns = 0});
  ASSERT_TRUE(reader.ok());
  const RecordSourcePtr source = MakeCsvSource(Collector("*.csv").csv(), *std::move(reader));
  const auto read = [&] { return source->Read({stop_, MonotonicNs() + 60 * kSecond}); };
  Write("a.csv", "task,state,finished\none,success,soon\n\"half of it");
  EXPECT_FALSE(read().ok());
  Write("a.csv", "task,state,finished\none,success,soon\n");
  const absl::StatusOr<Look> look = read();
  ASSERT_TRUE(look.ok()) << look.status();
  EXPECT_THAT(look->problem, testing::StartsWith("1 value could not be understood"));
}

TEST_F(CsvSourceTest, AFileThatIsNotThereYetMayComeLater) {
  const absl::Status missing = Read(Collector("*.csv")).status();
  EXPECT_TRUE(absl::IsUnavailable(missing));
  EXPECT_THAT(std::string(missing.message()), HasSubstr("*.csv"));
}

}  // namespace
}  // namespace assay
