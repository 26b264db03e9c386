#ifndef ASSAY_CLI_VERBS_PLACE_H_
#define ASSAY_CLI_VERBS_PLACE_H_

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "assay/v1/scenario.pb.h"
#include "cli/stack/local_stack.h"
#include "cli/watch/progress_printer.h"

namespace assay {

// Where `assay run` runs its sweep: a stack of its own, or the one that `assay up` keeps.
struct Place {
  std::unique_ptr<LocalStack> own;
  std::string coordinator;
};

struct PlaceRequest {
  std::string data_dir;
  std::string scenario_file;       // for messages
  std::optional<uint32_t> agents;  // --agents
  bool waits = true;               // for agents that a kept stack does not have
};

// Tells the printer where the sweep runs and, on a kept stack, for whom it will have to wait. InvalidArgument if a
// stack of its own would never have the agents that the scenario asks for: then nothing is started.
absl::StatusOr<Place> FindPlace(const PlaceRequest& request, const v1::SweepSpec& spec, ProgressPrinter& printer);

}  // namespace assay

#endif  // ASSAY_CLI_VERBS_PLACE_H_
