#include "mock/runs.h"

#include <absl/time/time.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace assay {
namespace {

constexpr std::string_view kPrefix = "run-";

std::string Instant(int64_t wall_ns) {
  return "\"" + absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", absl::FromUnixNanos(wall_ns), absl::UTCTimeZone()) + "\"";
}

}  // namespace

std::string Runs::Start(int64_t now_wall_ns) {
  started_.push_back(now_wall_ns);
  return fmt::format(R"({{"run_id":"{}{}"}})", kPrefix, started_.size() - 1);
}

std::string Runs::Json(size_t run, int64_t now_wall_ns) const {
  const int64_t ends_ns = started_[run] + options_.delay_ns;
  const bool ended = options_.end != End::kNever && now_wall_ns >= ends_ns;
  const char* const state = !ended ? "running" : options_.end == End::kSuccess ? "success" : "failed";
  return fmt::format(R"({{"run_id":"{}{}","state":"{}","started":{},"finished":{}}})", kPrefix, run, state,
                     Instant(started_[run]), ended ? Instant(ends_ns) : "null");
}

std::optional<std::string> Runs::Get(std::string_view id, int64_t now_wall_ns) const {
  if (!id.starts_with(kPrefix)) return std::nullopt;
  id.remove_prefix(kPrefix.size());
  size_t run = 0;
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), run);
  if (error != std::errc() || end != id.data() + id.size() || run >= started_.size()) return std::nullopt;
  return Json(run, now_wall_ns);
}

std::string Runs::List(uint64_t offset, uint64_t limit, int64_t now_wall_ns) const {
  std::string json = R"({"runs":[)";
  const uint64_t begin = std::min<uint64_t>(offset, started_.size());
  const uint64_t end = begin + std::min<uint64_t>(limit, started_.size() - begin);
  for (uint64_t run = begin; run < end; ++run) {
    if (run > begin) json += ',';
    json += Json(run, now_wall_ns);
  }
  return json + fmt::format(R"(],"total":{}}})", started_.size());
}

}  // namespace assay
