#include "common/driver/driver_order.h"

#include <absl/strings/numbers.h>
#include <fmt/format.h>

#include <iterator>
#include <utility>

#include "common/driver/driver_line.h"
#include "common/json_document.h"
#include "common/json_text.h"

namespace assay {

std::string DriverHelloLine() { return fmt::format("{{\"type\":\"hello\",\"protocol\":{}}}\n", kDriverProtocol); }

std::string DriverPrepareLine(int64_t run_id, std::string_view target, uint64_t tasks, std::string_view options_json) {
  return fmt::format("{{\"type\":\"prepare\",\"run\":{},\"target\":{},\"tasks\":{},\"options\":{}}}\n", run_id,
                     JsonString(target), tasks, options_json.empty() ? "{}" : options_json);
}

std::string DriverTasksLine(const std::vector<DriverTask>& tasks) {
  std::string line = "{\"type\":\"tasks\",\"tasks\":[";
  for (const DriverTask& task : tasks) {
    fmt::format_to(std::back_inserter(line), "{}{{\"index\":{}", line.back() == '[' ? "" : ",", task.index);
    if (task.sleep_ns >= 0) fmt::format_to(std::back_inserter(line), ",\"sleep_ns\":{}", task.sleep_ns);
    if (!task.json.empty()) fmt::format_to(std::back_inserter(line), ",\"task\":{}", task.json);
    line += '}';
  }
  line += "]}\n";
  return line;
}

absl::StatusOr<DriverOrder> ParseDriverOrder(std::string_view text) {
  const absl::StatusOr<JsonDocument> json = JsonDocument::Parse(text);
  if (!json.ok()) return json.status();
  absl::StatusOr<std::string> type = json->root().Text("/type");
  if (!type.ok()) return type.status();
  DriverOrder order{.type = *std::move(type), .indices = {}};
  if (order.type != "tasks") return order;
  const absl::StatusOr<std::vector<JsonDocument::Part>> tasks = json->root().Items("/tasks");
  if (!tasks.ok()) return tasks.status();
  order.indices.reserve(tasks->size());
  for (const JsonDocument::Part& task : *tasks) {
    if (!absl::SimpleAtoi(task.Text("/index").value_or(""), &order.indices.emplace_back()))
      return absl::InvalidArgumentError("a task without an index");
  }
  return order;
}

}  // namespace assay
