#include "cli/trial/driver_trial_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

#include "cli/table.h"
#include "common/json_text.h"
#include "common/units.h"

namespace assay {
namespace {

const char* NameOf(DriverTrialKind kind) {
  switch (kind) {
    case DriverTrialKind::kWhole:
      return "whole";
    case DriverTrialKind::kCancelled:
      return "cancelled";
    case DriverTrialKind::kLeft:
      return "left";
  }
  return "";
}

const char* Title(DriverTrialKind kind) {
  switch (kind) {
    case DriverTrialKind::kWhole:
      return "a whole run: hello, prepare, tasks, drain, bye";
    case DriverTrialKind::kCancelled:
      return "a run that is cancelled while its tasks are in flight";
    case DriverTrialKind::kLeft:
      return "an agent that dies: the end of stdin";
  }
  return "";
}

std::string EventsText(const DriverTrialReport& report) {
  std::vector<std::string> kinds;
  for (size_t i = 0; i < kDriverEvents; ++i) {
    if (report.kinds[i] > 0)
      kinds.push_back(fmt::format("{} {}", DriverEventName(static_cast<DriverEvent::Kind>(i)),
                                  FormatCount(static_cast<double>(report.kinds[i]))));
  }
  return fmt::format("{}", fmt::join(kinds, ", "));
}

// That tasks are not ok which were cancelled is as it should be.
std::string TasksText(const DriverTrialReport& report) {
  std::string text = fmt::format("{} given, {} ok", report.tasks, report.ok);
  if (report.failed > 0 && report.kind == DriverTrialKind::kWhole) text += fmt::format(", {} failed", report.failed);
  return text;
}

std::string BrokenText(const BrokenRules& broken) {
  std::string text;
  for (const BrokenRule& rule : broken.rules()) {
    const std::string times = rule.times > 1 ? fmt::format(" ({} times)", CountText(rule.times)) : "";
    text += fmt::format("  BROKEN   {}{}\n", rule.first.what, times);
    if (!rule.first.excerpt.empty()) text += fmt::format("           {}\n", rule.first.excerpt);
    text += fmt::format("           {}\n", rule.first.mend);
  }
  if (broken.left_out() > 0) text += fmt::format("  BROKEN   {} times more\n", CountText(broken.left_out()));
  return text;
}

}  // namespace

std::string DriverTrialText(const DriverTrialReport& report) {
  std::string text = fmt::format("{}\n", Title(report.kind));
  if (report.ready_ns > 0) {
    text += fmt::format("  ready    {} {} in {}, capacity {}\n", report.info.name(), report.info.version(),
                        FormatDuration(report.ready_ns),
                        report.info.capacity() == 0 ? "not told" : fmt::format("{}", report.info.capacity()));
  }
  if (report.tasks > 0) text += fmt::format("  tasks    {}\n", TasksText(report));
  if (report.events > 0) text += fmt::format("  events   {} in {} lines\n", EventsText(report), report.lines);
  if (report.HasRate()) {
    text += fmt::format("  rate     {} events/s, {} tasks/s, from the first task given to the last one done\n",
                        FormatRate(report.EventsPerSecond()), FormatRate(report.TasksPerSecond()));
  }
  for (const v1::Span& span : report.spans)
    text += fmt::format("  span     {} {}\n", span.name(), FormatDuration(span.ended_ns() - span.begun_ns()));
  for (const std::string& note : report.notes) text += fmt::format("  note     {}\n", note);
  return text + BrokenText(report.broken);
}

std::string DriverTrialJson(const DriverTrialReport& report) {
  std::vector<std::string> kinds;
  for (size_t i = 0; i < kDriverEvents; ++i)
    kinds.push_back(fmt::format("\"{}\":{}", DriverEventName(static_cast<DriverEvent::Kind>(i)), report.kinds[i]));
  std::vector<std::string> notes;
  notes.reserve(report.notes.size());
  for (const std::string& note : report.notes) notes.push_back(JsonString(note));
  std::string text = fmt::format(
      "{{\"type\":\"trial\",\"kind\":\"{}\",\"name\":{},\"version\":{},\"capacity\":{},\"ready_ns\":{},\"tasks\":{},"
      "\"ok\":{},\"failed\":{},\"first_failed\":{},\"lines\":{},\"events\":{},\"events_by_kind\":{{{}}},"
      "\"tasks_ns\":{},\"events_per_s\":{},\"spans\":{},\"broken\":{},\"notes\":[{}]}}\n",
      NameOf(report.kind), JsonString(report.info.name()), JsonString(report.info.version()), report.info.capacity(),
      report.ready_ns, report.tasks, report.ok, report.failed,
      report.failed > 0 ? JsonString(report.first_failed) : "null", report.lines, report.events, fmt::join(kinds, ","),
      report.tasks_ns, report.HasRate() ? fmt::format("{:.1f}", report.EventsPerSecond()) : "null", report.spans.size(),
      report.broken.total(), fmt::join(notes, ","));
  for (const BrokenRule& rule : report.broken.rules()) {
    text += fmt::format(
        "{{\"type\":\"broken_rule\",\"kind\":\"{}\",\"what\":{},\"excerpt\":{},\"mend\":{},\"times\":{}}}\n",
        NameOf(report.kind), JsonString(rule.first.what), JsonString(rule.first.excerpt), JsonString(rule.first.mend),
        rule.times);
  }
  return text;
}

}  // namespace assay
