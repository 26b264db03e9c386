#include "cli/trial/broken_rules.h"

#include <algorithm>
#include <numeric>
#include <string_view>
#include <utility>

namespace assay {
namespace {
constexpr size_t kMostRules = 100;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Lines, tasks and instants are told as numbers: "line 7: task 3 is done a second time" is "line #: task # is done
// ...".
std::string Alike(const DriverTalk::Fault& fault) {
  std::string alike;
  for (const char c : fault.what) {
    if (!IsDigit(c)) alike += c;
    if (IsDigit(c) && !alike.ends_with('#')) alike += '#';
  }
  return alike + '\n' + fault.mend;
}

}  // namespace

void BrokenRules::Find(DriverTalk::Fault fault, uint64_t times) {
  total_ += times;
  std::string alike = Alike(fault);
  const auto same =
      std::find_if(rules_.begin(), rules_.end(), [&](const BrokenRule& rule) { return rule.alike == alike; });
  if (same != rules_.end()) {
    same->times += times;
  } else if (rules_.size() < kMostRules) {
    rules_.push_back({std::move(fault), times, std::move(alike)});
  }
}

void BrokenRules::FindFirst(DriverTalk::Fault fault) {
  ++total_;
  std::string alike = Alike(fault);
  rules_.insert(rules_.begin(), {std::move(fault), 1, std::move(alike)});
}

uint64_t BrokenRules::left_out() const {
  return std::accumulate(rules_.begin(), rules_.end(), total_,
                         [](uint64_t left, const BrokenRule& rule) { return left - rule.times; });
}

}  // namespace assay
