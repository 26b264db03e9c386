#ifndef ASSAY_COORDINATOR_ABSENCE_H_
#define ASSAY_COORDINATOR_ABSENCE_H_

#include <string>

#include "assay/v1/scenario.pb.h"
#include "storage/run_facts.h"

namespace assay {

// What of the containers and units that the scenario names was not there between T0 and the last finish, with the
// instants: one that died, was restarted, or came late. Empty: all were there. What only a cgroup's pattern matches may
// come and go. Pure.
std::string Absences(const RunFacts::Share& share, const v1::Sampling& sampling, int64_t last_finished_ns);

}  // namespace assay

#endif  // ASSAY_COORDINATOR_ABSENCE_H_
