#include <gtest/gtest.h>

#include "common/bounded_output.h"
#include "common/template.h"
#include "common/units.h"

namespace assay {
namespace {

std::optional<std::string> Known(std::string_view name) {
  if (name == "index") return "7";
  return std::nullopt;
}

TEST(Template, ReplacesKnownNamesAndLeavesTheRest) {
  EXPECT_EQ(ExpandTemplate("a$(index)b$(other)$$(index)", Known, false), "a7b$(other)$(index)");
  EXPECT_EQ(ExpandTemplate("a$(index)b$(other)$$(index)", Known, true), "a7b$(other)$$(index)");
  EXPECT_EQ(ExpandTemplate("$(index", Known, false), "$(index");
  EXPECT_EQ(TemplateNames("$(a) $$(b) $(c)"), (std::vector<std::string>{"a", "c"}));
}

TEST(Units, DurationsBytesFractions) {
  EXPECT_EQ(*ParseDurationNs("10ms"), 10'000'000);
  EXPECT_EQ(*ParseDurationNs("1.5h"), 5'400'000'000'000);
  EXPECT_EQ(*ParseDurationNs("2 m"), 120'000'000'000);
  EXPECT_EQ(*ParseDurationNs("0"), 0);
  for (const char* bad : {"", "10", "ms", "-1s", "1e400s", "nan s", "10 parsecs", "9999999999999h", "1s2"})
    EXPECT_FALSE(ParseDurationNs(bad).ok()) << bad;
  EXPECT_EQ(*ParseBytes("4KiB"), 4096u);
  EXPECT_EQ(*ParseBytes("10kB"), 10'000u);
  EXPECT_FALSE(ParseBytes("10").ok());
  EXPECT_DOUBLE_EQ(*ParseFraction("1%"), 0.01);
  EXPECT_DOUBLE_EQ(*ParseFraction("0.25"), 0.25);
  for (const char* bad : {"101%", "-1%", "2", "one", "1 %%"}) EXPECT_FALSE(ParseFraction(bad).ok()) << bad;
}

TEST(Units, DurationsAreRoundedIntoTheNextUnit) {
  EXPECT_EQ(FormatDuration(999'600'000), "1 s");
  EXPECT_EQ(FormatDuration(999'600), "1 ms");
  EXPECT_EQ(FormatDuration(999'400'000), "999 ms");
  EXPECT_EQ(FormatDuration(1'000'000'000), "1 s");
}

TEST(UtcText, HasMicrosecondsAlsoBefore1970) {
  EXPECT_EQ(UtcText(-1'000, ' '), "1969-12-31 23:59:59.999999Z");
  EXPECT_EQ(UtcText(1'778'241'600'123'456'789, 'T'), "2026-05-08T12:00:00.123456Z");
}

TEST(BoundedOutput, TheLastLineStandsBesideWhatHappened) {
  EXPECT_EQ(WithLastLine("exited with 3", "begun\n  no such table\r\n\n"),
            "exited with 3; its output ends with: no such table");
  EXPECT_EQ(WithLastLine("exited with 3", " \n"), "exited with 3");
  EXPECT_EQ(WithLastLine("x", "a\x1b[31m\xff\xC3\xA9"), "x; its output ends with: a?[31m?\xC3\xA9");
  EXPECT_EQ(WithLastLine("x", std::string(201, 'y')), "x; its output ends with: " + std::string(200, 'y') + "...");
}

TEST(BoundedOutput, KeepsHeadAndTail) {
  BoundedOutput small;
  small.Append("hello ");
  small.Append("world");
  EXPECT_EQ(small.Text(), "hello world");
  EXPECT_EQ(small.total_bytes(), 11u);

  BoundedOutput large;
  std::string all;
  for (int i = 0; i < 20'000; ++i) {
    const std::string line = std::to_string(i) + "\n";
    all += line;
    large.Append(line);
  }
  const std::string text = large.Text();
  EXPECT_EQ(text.substr(0, BoundedOutput::kKeep), all.substr(0, BoundedOutput::kKeep));
  EXPECT_EQ(text.substr(text.size() - BoundedOutput::kKeep), all.substr(all.size() - BoundedOutput::kKeep));
  EXPECT_NE(text.find("bytes left out"), std::string::npos);
  EXPECT_EQ(large.total_bytes(), all.size());

  BoundedOutput at_once;
  at_once.Append(all);
  EXPECT_EQ(at_once.Text(), text);
}

}  // namespace
}  // namespace assay
