#ifndef ASSAY_CLI_TRIAL_BROKEN_RULES_H_
#define ASSAY_CLI_TRIAL_BROKEN_RULES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "common/driver/driver_talk.h"

namespace assay {

// A rule that a driver broke: the first time, and how often in the same way. A driver with one fault has it at each of
// its tasks.
struct BrokenRule {
  DriverTalk::Fault first;
  uint64_t times = 0;
  std::string alike;  // all there is to it but its numbers
};

// The rules that a driver broke in one trial, the first hundred of them; the others are counted.
class BrokenRules {
 public:
  void Find(DriverTalk::Fault fault, uint64_t times = 1);
  // Before all others.
  void FindFirst(DriverTalk::Fault fault);

  const std::vector<BrokenRule>& rules() const { return rules_; }
  uint64_t total() const { return total_; }  // each time
  uint64_t left_out() const;                 // of these, the times of no rule that is here

 private:
  std::vector<BrokenRule> rules_;
  uint64_t total_ = 0;
};

}  // namespace assay

#endif  // ASSAY_CLI_TRIAL_BROKEN_RULES_H_
