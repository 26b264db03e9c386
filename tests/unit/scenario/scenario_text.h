#ifndef ASSAY_TESTS_UNIT_SCENARIO_SCENARIO_TEXT_H_
#define ASSAY_TESTS_UNIT_SCENARIO_SCENARIO_TEXT_H_

#include <absl/status/statusor.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/scenario/scenario_loader.h"

namespace assay {

// Line 1 is "name: t"; what a test adds begins in line 4.
inline const std::string kBase =
    "name: t\nload: {closed: {concurrency: 4}, triggers: 10}\ntrigger: {sleep: {for: 1ms}}\n";
inline const std::string kProcess = "name: t\nload: {closed: {concurrency: 1}, triggers: 1}\n";

inline absl::StatusOr<Plan> Load(const std::string& yaml, const std::vector<std::string>& sets = {}) {
  return LoadScenario(yaml, "s.yaml", sets);
}

inline std::string Refusal(const std::string& yaml, const std::vector<std::string>& sets = {}) {
  const absl::StatusOr<Plan> plan = Load(yaml, sets);
  if (plan.ok()) return "accepted";
  EXPECT_EQ(plan.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(plan.status().message());
}

inline Plan MustLoad(const std::string& yaml, const std::vector<std::string>& sets = {}) {
  absl::StatusOr<Plan> plan = Load(yaml, sets);
  EXPECT_TRUE(plan.ok()) << plan.status();
  return plan.ok() ? *std::move(plan) : Plan{};
}

inline std::vector<std::string> Labels(const Plan& plan) {
  std::vector<std::string> labels;
  for (const PlannedCell& cell : plan.cells) labels.push_back(cell.label);
  return labels;
}

// In one order everywhere.
inline std::vector<std::string> ShippedScenarios() {
  std::vector<std::string> paths;
  for (const auto& file : std::filesystem::directory_iterator(std::filesystem::path(ASSAY_SOURCE_DIR) / "scenarios")) {
    if (file.path().extension() == ".yaml") paths.push_back(file.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

inline std::string Repeated(const std::string& text, size_t times) {
  std::string out;
  for (size_t i = 0; i < times; ++i) out += text;
  return out;
}

}  // namespace assay

#endif  // ASSAY_TESTS_UNIT_SCENARIO_SCENARIO_TEXT_H_
