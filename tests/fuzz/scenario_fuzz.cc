// libFuzzer on the scenario loader: the input is a file, and after each byte 0x1e (which no valid file holds) one --set
// argument.
//   clang++ -std=c++20 -fsanitize=fuzzer,address,undefined ... tests/fuzz/scenario_fuzz.cc; ./scenario_fuzz
//   -max_len=4096 scenarios/
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "coordinator/scenario/plan_text.h"
#include "coordinator/scenario/scenario_loader.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<std::string> parts;
  while (true) {
    const size_t end = text.find('\x1e');
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  const std::string yaml = parts.front();
  parts.erase(parts.begin());
  const absl::StatusOr<assay::Plan> plan = assay::LoadScenario(yaml, "fuzz.yaml", parts);
  if (!plan.ok()) {
    // Every refusal is the user's to mend and says where.
    const std::string_view message(plan.status().message().data(), plan.status().message().size());
    const bool placed = message.substr(0, 10) == "fuzz.yaml:" || message.substr(0, 6) == "--set ";
    if (!absl::IsInvalidArgument(plan.status()) || !placed) std::abort();
    return 0;
  }
  uint64_t triggers = 0;
  for (const assay::PlannedCell& cell : plan->cells) triggers += cell.spec.load().triggers();
  if (plan->cells.size() < 100 && triggers < 100'000 && assay::DescribePlan(*plan, 3).empty()) std::abort();
  return 0;
}
