#ifndef ASSAY_COORDINATOR_RUN_TROUBLE_H_
#define ASSAY_COORDINATOR_RUN_TROUBLE_H_

#include <string>

namespace assay {

// What the rows of a run cannot say: why it never fired or was stopped. Empty code: it went its way.
struct RunTrouble {
  std::string code;  // refused, hook_failed, cancelled, interrupted
  std::string detail;
};

}  // namespace assay

#endif  // ASSAY_COORDINATOR_RUN_TROUBLE_H_
