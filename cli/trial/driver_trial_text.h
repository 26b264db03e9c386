#ifndef ASSAY_CLI_TRIAL_DRIVER_TRIAL_TEXT_H_
#define ASSAY_CLI_TRIAL_DRIVER_TRIAL_TEXT_H_

#include <string>

#include "cli/trial/driver_trial.h"

namespace assay {

// What was seen in a trial, for people, and as the lines of --json.
std::string DriverTrialText(const DriverTrialReport& report);
std::string DriverTrialJson(const DriverTrialReport& report);

}  // namespace assay

#endif  // ASSAY_CLI_TRIAL_DRIVER_TRIAL_TEXT_H_
