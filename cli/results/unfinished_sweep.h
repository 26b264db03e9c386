#ifndef ASSAY_CLI_RESULTS_UNFINISHED_SWEEP_H_
#define ASSAY_CLI_RESULTS_UNFINISHED_SWEEP_H_

#include <string>

#include "assay/v1/control.pb.h"

namespace assay {

// What becomes of a sweep that has not ended when no local stack is up to go on with it, with the commands for either
// way. `data_flag`: as typed behind --data; empty if the directory was not chosen by it.
std::string UnfinishedText(const v1::SweepInfo& sweep, const std::string& data_flag);

}  // namespace assay

#endif  // ASSAY_CLI_RESULTS_UNFINISHED_SWEEP_H_
