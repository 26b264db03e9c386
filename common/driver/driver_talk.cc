#include "common/driver/driver_talk.h"

#include <absl/status/statusor.h>
#include <fmt/format.h>

#include <algorithm>

#include "common/utf8.h"

namespace assay {
namespace {

// Many times what a driver has to say: a task has ten kinds of events, and a try or two.
constexpr uint64_t kMostEvents = 100'000;
constexpr uint64_t kMostEventsPerTask = 1'000;
constexpr uint64_t kMostFaultsPerTask = 20;
constexpr size_t kMostSpans = 10'000;
constexpr size_t kMostUnused = 100;
constexpr size_t kExcerptBytes = 160;

constexpr std::string_view kMendLine =
    "write one JSON object with a \"type\" per line to stdout, in UTF-8, and whatever else there is to say to stderr";
constexpr std::string_view kMendOrder =
    "answer hello with hello, prepare with ready, drain with drained, each once; failed ends it all";
constexpr std::string_view kMendEvent =
    "an event is {\"index\": of its task, \"event\": NAME, \"at\": NANOSECONDS}; docs/driver.md has the names and the "
    "other fields";
constexpr std::string_view kMendClock =
    "instants are nanoseconds of CLOCK_MONOTONIC (Python: time.monotonic_ns()), or of Unix time with "
    "\"clock\":\"wall\"";
constexpr std::string_view kMendGiven = "take the index that came with the task in a tasks line";
constexpr std::string_view kMendOnce =
    "tell done once per task, and one of finished, failed and cancelled once per attempt";

std::string_view MendOf(const absl::Status& refused) {
  switch (refused.code()) {
    case absl::StatusCode::kNotFound:
      return kMendGiven;
    case absl::StatusCode::kAlreadyExists:
      return kMendOnce;
    default:
      return kMendClock;
  }
}

std::string Excerpt(std::string_view line) {
  std::string text;
  while (!line.empty() && text.size() < kExcerptBytes) {
    const size_t length = Utf8Length(line);
    const bool plain = length > 1 || (length == 1 && static_cast<unsigned char>(line.front()) >= 0x20);
    text += plain ? line.substr(0, length) : std::string_view("?");
    line.remove_prefix(std::max<size_t>(length, 1));
  }
  if (!line.empty()) text += "...";
  return text;
}

}  // namespace

void DriverTalk::Find(const std::string& what, std::string_view text, std::string_view mend) {
  ++faults_;
  faulted_({fmt::format("line {}: {}", lines_, what), Excerpt(text), std::string(mend)});
}

bool DriverTalk::Floods() const {
  return events_ > kMostEvents + kMostEventsPerTask * tasks_.given() ||
         faults_ > kMostEvents + kMostFaultsPerTask * tasks_.given();
}

void DriverTalk::ReadHalf(std::string_view line) {
  ++lines_;
  Find("its last line has no end", line, "end every line with a newline before you exit");
}

void DriverTalk::Read(std::string_view text, const Clocks& clocks) {
  ++lines_;
  const absl::StatusOr<DriverLine> line = ParseDriverLine(text);
  if (!line.ok()) return Find(std::string(line.status().message()), text, kMendLine);
  for (const std::string& field : line->unused) {
    if (unused_.size() < kMostUnused && std::find(unused_.begin(), unused_.end(), field) == unused_.end())
      unused_.push_back(field);
  }
  if (phase_ == Phase::kFailed || phase_ == Phase::kDrained)
    return Find(fmt::format("{} after {}", DriverLineName(line->kind), phase_ == Phase::kFailed ? "failed" : "drained"),
                text, kMendOrder);
  switch (line->kind) {
    case DriverLine::Kind::kHello:
      if (phase_ != Phase::kGreeting) return Find("a second hello", text, kMendOrder);
      info_.set_name(line->name);
      info_.set_version(line->version);
      if (line->protocol != kDriverProtocol) {
        error_ = fmt::format("it speaks protocol {}, and this is {}", line->protocol, kDriverProtocol);
        phase_ = Phase::kFailed;
        return;
      }
      phase_ = Phase::kPreparing;
      return;
    case DriverLine::Kind::kReady:
      if (phase_ != Phase::kPreparing)
        return Find(phase_ == Phase::kGreeting ? "ready before hello" : "a second ready", text, kMendOrder);
      info_.set_capacity(line->capacity);
      if (!line->version.empty()) info_.set_version(line->version);
      phase_ = Phase::kReady;
      return;
    case DriverLine::Kind::kFailed:
      error_ = line->error.empty() ? "it does not say why" : line->error;
      phase_ = Phase::kFailed;
      return;
    case DriverLine::Kind::kEvents:
      return ReadEvents(*line, text, clocks);
    case DriverLine::Kind::kSpan:
      return ReadSpan(*line, text, clocks);
    case DriverLine::Kind::kDrained:
      if (phase_ != Phase::kDraining) return Find("drained although it was not told to drain", text, kMendOrder);
      phase_ = Phase::kDrained;
      return;
  }
}

void DriverTalk::ReadEvents(const DriverLine& line, std::string_view text, const Clocks& clocks) {
  for (const std::string& fault : line.faults) Find(fault, text, kMendEvent);
  events_ += line.events.size();
  for (const DriverEvent& event : line.events) {
    ++kinds_[static_cast<size_t>(event.kind)];
    if (const absl::Status taken = tasks_.Take(event, clocks.now_ns, clocks.monotonic_from_wall_ns); !taken.ok())
      Find(std::string(taken.message()), text, MendOf(taken));
  }
}

void DriverTalk::ReadSpan(const DriverLine& line, std::string_view text, const Clocks& clocks) {
  if (line.ended_ns < line.begun_ns)
    return Find("a span that ends before it has begun", text, "begun is the earlier one");
  if (spans_.size() >= kMostSpans)
    return Find(fmt::format("more than {} spans", kMostSpans), text,
                "a span is a phase of the client, not of each task");
  const int64_t shift_ns = line.wall ? clocks.monotonic_from_wall_ns : 0;
  if (line.begun_ns + shift_ns < clocks.now_ns - DriverTasks::kFarNs)
    return Find("a span that began more than a year ago", text, kMendClock);
  if (line.ended_ns + shift_ns > clocks.now_ns + DriverTasks::kClockSlackNs)
    return Find("a span that ends in the future", text, kMendClock);
  v1::Span& span = spans_.emplace_back();
  span.set_name(line.name);
  span.set_begun_ns(line.begun_ns + shift_ns);
  span.set_ended_ns(line.ended_ns + shift_ns);
}

}  // namespace assay
