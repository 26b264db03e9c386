#include "agent/triggers/null_driver.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "common/clock.h"
#include "common/driver/driver_line.h"
#include "common/driver/driver_order.h"

namespace assay {
namespace {

bool Say(std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = write(STDOUT_FILENO, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    text.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

std::string Answer(const DriverOrder& order) {
  if (order.type == "hello")
    return fmt::format("{{\"type\":\"hello\",\"protocol\":{},\"name\":\"null\"}}\n", kDriverProtocol);
  if (order.type == "prepare") return "{\"type\":\"ready\"}\n";
  if (order.type == "drain") return "{\"type\":\"drained\"}\n";
  if (order.indices.empty()) return {};
  std::string line = "{\"type\":\"events\",\"events\":[";
  for (const uint64_t index : order.indices) {
    fmt::format_to(std::back_inserter(line), "{}{{\"index\":{},\"event\":\"done\",\"at\":{}}}",
                   line.back() == '[' ? "" : ",", index, MonotonicNs());
  }
  return line + "]}\n";
}

}  // namespace

int ServeNullDriver() {
  std::vector<char> buffer(1 << 16);
  std::string text;
  while (true) {
    const ssize_t n = read(STDIN_FILENO, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return 0;
    text.append(buffer.data(), static_cast<size_t>(n));
    size_t begin = 0;
    for (size_t end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
      const absl::StatusOr<DriverOrder> order = ParseDriverOrder(std::string_view(text).substr(begin, end - begin));
      if (!order.ok()) return 1;
      if (order->type == "bye") return 0;
      if (!Say(Answer(*order))) return 1;
    }
    text.erase(0, begin);
  }
}

}  // namespace assay
