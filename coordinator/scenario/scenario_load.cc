#include "coordinator/scenario/scenario_load.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <string_view>
#include <vector>

#include "coordinator/scenario/scalar_value.h"

namespace assay {
namespace {

constexpr uint32_t kDefaultInFlight = 1000;

void AddSegment(v1::OpenLoop& open, double from_per_s, double to_per_s, int64_t for_ns) {
  v1::OpenLoop::Segment& segment = *open.mutable_rates()->add_segments();
  segment.set_from_per_s(from_per_s);
  segment.set_to_per_s(to_per_s);
  segment.set_for_ns(for_ns);
}

absl::Status CheckCompany(const YamlNode& node, const YamlNode& what, std::string_view key,
                          const std::vector<std::string_view>& partners) {
  if (std::any_of(partners.begin(), partners.end(), [&](std::string_view partner) { return Find(node, partner); }))
    return absl::OkStatus();
  return NodeError(what, fmt::format("load.open.{} goes only with {}", key, fmt::join(partners, ", ")), "leave it out");
}

absl::Status ReadOpen(const YamlNode& node, TraceFiles& traces, v1::OpenLoop& open) {
  open.set_deadline_ns(DurationValueNs(Find(node, "deadline"), 0));
  open.set_in_flight(static_cast<uint32_t>(IntegerValue(Find(node, "in_flight"), kDefaultInFlight)));
  if (const YamlNodePtr size = Find(node, "size")) {
    if (absl::Status status = CheckCompany(node, *size, "size", {"every"}); !status.ok()) return status;
  }
  const YamlNodePtr arrivals = Find(node, "arrivals");
  if (arrivals != nullptr) {
    if (absl::Status status = CheckCompany(node, *arrivals, "arrivals", {"rate", "ramp", "steps"}); !status.ok())
      return status;
  }
  if (const YamlNodePtr file = Find(node, "trace")) {
    absl::StatusOr<v1::OpenLoop::Trace> trace = traces.Get(*file);
    if (!trace.ok()) return trace.status();
    *open.mutable_trace() = *std::move(trace);
    return absl::OkStatus();
  }
  if (const YamlNodePtr burst = Find(node, "burst")) {
    open.mutable_waves()->set_size(IntegerValue(burst, 1));
    return absl::OkStatus();
  }
  if (const YamlNodePtr every = Find(node, "every")) {
    open.mutable_waves()->set_every_ns(DurationValueNs(every, 1));
    open.mutable_waves()->set_size(IntegerValue(Find(node, "size"), 1));
    return absl::OkStatus();
  }
  open.mutable_rates()->set_poisson(arrivals != nullptr && arrivals->text == "poisson");
  if (const YamlNodePtr rate = Find(node, "rate")) AddSegment(open, RateValuePerS(rate), RateValuePerS(rate), 0);
  if (const YamlNodePtr ramp = Find(node, "ramp")) {
    AddSegment(open, RateValuePerS(Find(*ramp, "from")), RateValuePerS(Find(*ramp, "to")),
               DurationValueNs(Find(*ramp, "over"), 1));
  }
  if (const YamlNodePtr steps = Find(node, "steps")) {
    for (const YamlNodePtr& step : steps->items) {
      const double per_s = RateValuePerS(Find(*step, "rate"));
      AddSegment(open, per_s, per_s, DurationValueNs(Find(*step, "for"), 1));
    }
  }
  const auto& segments = open.rates().segments();
  if (std::none_of(segments.begin(), segments.end(), [](const auto& s) { return s.from_per_s() + s.to_per_s() > 0; }))
    return NodeError(node, "load.open never fires: its rate is 0/s all the time", "give a rate above 0/s");
  return absl::OkStatus();
}

// How many it has if it ends by itself; 0 if it goes on for ever, or if its rates do.
uint64_t Arriving(const v1::OpenLoop& open) {
  if (open.has_trace()) return static_cast<uint64_t>(open.trace().gap_ns_size());
  return open.has_waves() && open.waves().every_ns() == 0 ? open.waves().size() : 0;
}

// How long the rates last; 0 if for ever, or if they are no rates.
int64_t LengthNs(const v1::OpenLoop& open) {
  int64_t length_ns = 0;
  for (const v1::OpenLoop::Segment& segment : open.rates().segments()) {
    if (__builtin_add_overflow(length_ns, segment.for_ns(), &length_ns)) return std::numeric_limits<int64_t>::max();
  }
  return length_ns;
}

}  // namespace

absl::Status ReadLoad(const YamlNode& node, TraceFiles& traces, v1::Load& message) {
  message.set_triggers(IntegerValue(Find(node, "triggers"), 0));
  message.set_duration_ns(DurationValueNs(Find(node, "duration"), 0));
  if (const YamlNodePtr closed = Find(node, "closed")) {
    message.mutable_closed()->set_concurrency(static_cast<uint32_t>(IntegerValue(Find(*closed, "concurrency"), 1)));
  } else {
    v1::OpenLoop& open = *message.mutable_open();
    if (absl::Status status = ReadOpen(*Find(node, "open"), traces, open); !status.ok()) return status;
    // What ends by itself is bounded by that.
    const uint64_t arriving = Arriving(open);
    if (arriving > 0 && (message.triggers() == 0 || message.triggers() > arriving)) message.set_triggers(arriving);
    const int64_t length_ns = LengthNs(open);
    if (length_ns > 0 && (message.duration_ns() == 0 || message.duration_ns() > length_ns))
      message.set_duration_ns(length_ns);
  }
  if (message.triggers() == 0 && message.duration_ns() == 0) {
    return NodeError(node, "load says neither how many triggers nor how long",
                     "add triggers: 1000, or duration: 60s, or both (the first reached ends the run)");
  }
  return absl::OkStatus();
}

}  // namespace assay
