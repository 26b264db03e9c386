#include "common/driver/driver_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/utf8.h"

namespace assay {
namespace {

using Json = nlohmann::json;

constexpr size_t kMostTextBytes = 4096;
constexpr int64_t kMostErrorNs = 86'400'000'000'000;
constexpr std::array<std::string_view, kDriverEvents> kEventNames{
    "accepted", "created", "scheduled", "queued", "ready", "started", "finished", "failed", "cancelled", "done"};
constexpr std::array<std::string_view, 6> kLineNames{"hello", "ready", "failed", "events", "span", "drained"};

template <size_t kNames>
std::optional<size_t> IndexOf(const std::array<std::string_view, kNames>& names, std::string_view name, size_t from,
                              size_t to) {
  for (size_t i = from; i < to; ++i) {
    if (names[i] == name) return i;
  }
  return std::nullopt;
}

// Whole and not negative: no clock that is allowed here was ever below zero.
bool ReadWhole(const Json& value, int64_t most, int64_t& whole) {
  if (!value.is_number_integer()) return false;
  if (value.is_number_unsigned()) {
    if (value.get<uint64_t>() > static_cast<uint64_t>(most)) return false;
    whole = static_cast<int64_t>(value.get<uint64_t>());
    return true;
  }
  const auto number = value.get<int64_t>();
  if (number < 0 || number > most) return false;
  whole = number;
  return true;
}

bool ReadInstant(const Json& value, std::optional<int64_t>& instant) {
  int64_t ns = 0;
  if (!ReadWhole(value, std::numeric_limits<int64_t>::max(), ns)) return false;
  instant = ns;
  return true;
}

bool ReadText(const Json& value, std::string& text) {
  if (!value.is_string()) return false;
  const auto& whole = value.get_ref<const std::string&>();
  size_t size = std::min(whole.size(), kMostTextBytes);
  // Not within a character.
  while (size < whole.size() && size > 0 && (static_cast<unsigned char>(whole[size]) & 0xC0) == 0x80) --size;
  text = whole.substr(0, size);
  return true;
}

bool ReadBoolean(const Json& value, std::optional<bool>& boolean) {
  if (!value.is_boolean()) return false;
  boolean = value.get<bool>();
  return true;
}

bool ReadClock(const Json& value, bool& wall) {
  if (value != "wall" && value != "monotonic") return false;
  wall = value == "wall";
  return true;
}

bool ReadInstants(const Json& value, DriverEvent& event, std::vector<std::string>& unused) {
  if (!value.is_object()) return false;
  for (const auto& [key, instant] : value.get_ref<const Json::object_t&>()) {
    const std::optional<size_t> at = IndexOf(kEventNames, key, 0, kDriverInstants);
    if (!at) {
      unused.push_back("instants." + key);
    } else if (!ReadInstant(instant, event.instants_ns[*at])) {
      return false;
    }
  }
  return true;
}

// Fields of an event, by name: what they must be, and whether they are. Most events have three of them.
bool ReadField(const std::string& key, const Json& value, DriverEvent& event, std::string& must,
               std::vector<std::string>& unused) {
  int64_t whole = 0;
  if (key == "task") {
    must = "a text or a whole number";
    if (!value.is_number_integer()) return ReadText(value, event.task);
    event.task = value.dump();
    return true;
  }
  must = "a text";
  if (key == "worker") return ReadText(value, event.worker);
  if (key == "name") return ReadText(value, event.name);
  if (key == "state") return ReadText(value, event.state);
  if (key == "error") return ReadText(value, event.error);
  if (key == "from") return ReadText(value, event.from);
  must = "true or false";
  if (key == "cached") return ReadBoolean(value, event.cached);
  if (key == "ok") return ReadBoolean(value, event.ok);
  must = "\"monotonic\" or \"wall\"";
  if (key == "clock") return ReadClock(value, event.wall);
  if (key == "attempt") {
    must = "a whole number from 1";
    if (!ReadWhole(value, 1'000'000, whole) || whole == 0) return false;
    event.attempt = static_cast<uint32_t>(whole);
    return true;
  }
  must = "whole nanoseconds, a day at most";
  if (key == "error_ns") return ReadWhole(value, kMostErrorNs, event.error_ns);
  if (key == "instants") {
    must = "an object of instants, each whole nanoseconds";
    return ReadInstants(value, event, unused);
  }
  if (key == "body") {
    must = "two instants, [begun, ended]";
    return value.is_array() && value.size() == 2 && ReadInstant(value[0], event.body_begun_ns) &&
           ReadInstant(value[1], event.body_ended_ns);
  }
  unused.push_back(key);
  return true;
}

// Empty, or why it is none.
std::string ReadEvent(const Json& value, DriverEvent& event, std::vector<std::string>& unused) {
  if (!value.is_object()) return "an event that is no object";
  bool has_index = false;
  bool has_kind = false;
  bool has_at = false;
  int64_t whole = 0;
  for (const auto& [key, field] : value.get_ref<const Json::object_t&>()) {
    if (key == "index") {
      has_index = ReadWhole(field, std::numeric_limits<int64_t>::max(), whole);
      event.index = static_cast<uint64_t>(whole);
    } else if (key == "event") {
      if (!field.is_string()) return "\"event\" must be a text";
      const auto& name = field.get_ref<const std::string&>();
      const std::optional<size_t> kind = IndexOf(kEventNames, name, 0, kDriverEvents);
      if (!kind) return fmt::format("there is no event \"{}\"", name.substr(0, 100));
      event.kind = static_cast<DriverEvent::Kind>(*kind);
      has_kind = true;
    } else if (key == "at") {
      has_at = ReadWhole(field, std::numeric_limits<int64_t>::max(), event.at_ns);
      if (!has_at) return "\"at\" must be whole nanoseconds";
    } else {
      std::string must;
      if (!ReadField(key, field, event, must, unused)) return fmt::format("\"{}\" must be {}", key, must);
    }
  }
  if (!has_index) return "an event without the \"index\" of its task";
  if (!has_kind) return "an event without \"event\"";
  if (!has_at) return "an event without \"at\", its instant";
  return {};
}

absl::Status Wrong(std::string_view what) { return absl::InvalidArgumentError(std::string(what)); }

absl::Status ReadEvents(const Json& json, DriverLine& line) {
  const auto events = json.find("events");
  if (events == json.end() || !events->is_array()) return Wrong("\"events\" must be a list");
  line.events.reserve(events->size());
  for (const Json& value : *events) {
    DriverEvent event;
    if (std::string fault = ReadEvent(value, event, line.unused); !fault.empty()) {
      line.faults.push_back(std::move(fault));
    } else {
      line.events.push_back(std::move(event));
    }
  }
  return absl::OkStatus();
}

absl::Status ReadOther(const Json& json, DriverLine& line) {
  using Kind = DriverLine::Kind;
  int64_t whole = 0;
  bool has_begun = false;
  bool has_ended = false;
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  for (const auto& [key, value] : json.get_ref<const Json::object_t&>()) {
    if (key == "type") continue;
    if (key == "protocol" && line.kind == Kind::kHello) {
      if (!ReadWhole(value, 1'000'000, whole)) return Wrong("\"protocol\" must be a whole number");
      line.protocol = static_cast<uint32_t>(whole);
    } else if (key == "capacity" && line.kind == Kind::kReady) {
      if (!ReadWhole(value, std::numeric_limits<int32_t>::max(), whole))
        return Wrong("\"capacity\" must be a whole number from 0");
      line.capacity = static_cast<uint32_t>(whole);
    } else if (key == "name" && (line.kind == Kind::kHello || line.kind == Kind::kSpan)) {
      if (!ReadText(value, line.name)) return Wrong("\"name\" must be a text");
    } else if (key == "version" && (line.kind == Kind::kHello || line.kind == Kind::kReady)) {
      if (!ReadText(value, line.version)) return Wrong("\"version\" must be a text");
    } else if (key == "error" && line.kind == Kind::kFailed) {
      if (!ReadText(value, line.error)) return Wrong("\"error\" must be a text");
    } else if (key == "begun" && line.kind == Kind::kSpan) {
      has_begun = ReadWhole(value, kMost, line.begun_ns);
    } else if (key == "ended" && line.kind == Kind::kSpan) {
      has_ended = ReadWhole(value, kMost, line.ended_ns);
    } else if (key == "clock" && line.kind == Kind::kSpan) {
      if (!ReadClock(value, line.wall)) return Wrong("\"clock\" must be \"monotonic\" or \"wall\"");
    } else {
      line.unused.push_back(key);
    }
  }
  if (line.kind == Kind::kHello && line.protocol == 0) return Wrong("a hello without \"protocol\"");
  if (line.kind == Kind::kHello && line.name.empty()) return Wrong("a hello without \"name\"");
  if (line.kind == Kind::kSpan && line.name.empty()) return Wrong("a span without \"name\"");
  if (line.kind == Kind::kSpan && (!has_begun || !has_ended))
    return Wrong("a span's \"begun\" and \"ended\" must be whole nanoseconds");
  return absl::OkStatus();
}

}  // namespace

std::string_view DriverEventName(DriverEvent::Kind kind) { return kEventNames[static_cast<size_t>(kind)]; }
std::string_view DriverInstantName(DriverInstant instant) { return kEventNames[static_cast<size_t>(instant)]; }
std::string_view DriverLineName(DriverLine::Kind kind) { return kLineNames[static_cast<size_t>(kind)]; }

absl::StatusOr<DriverLine> ParseDriverLine(std::string_view text) {
  const Json json = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return Wrong("no JSON");
  if (!json.is_object()) return Wrong("no JSON object");
  const auto type = json.find("type");
  if (type == json.end() || !type->is_string()) return Wrong("an object without \"type\"");
  const auto& name = type->get_ref<const std::string&>();
  const std::optional<size_t> kind = IndexOf(kLineNames, name, 0, kLineNames.size());
  if (!kind) return Wrong(fmt::format("no driver's line has the type \"{}\"", name.substr(0, 100)));
  DriverLine line;
  line.kind = static_cast<DriverLine::Kind>(*kind);
  const absl::Status read = line.kind == DriverLine::Kind::kEvents ? ReadEvents(json, line) : ReadOther(json, line);
  if (!read.ok()) return read;
  return line;
}

}  // namespace assay
