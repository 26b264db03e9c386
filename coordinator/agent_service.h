#ifndef ASSAY_COORDINATOR_AGENT_SERVICE_H_
#define ASSAY_COORDINATOR_AGENT_SERVICE_H_

#include <memory>

#include "coordinator/coordinator.h"
#include "coordinator/ingest.h"

namespace grpc {
class Service;
}  // namespace grpc

namespace assay {

// The agents' two streams: reactors that move messages to the coordinator's and the ingest's queues, and answers back.
std::unique_ptr<grpc::Service> MakeAgentService(Coordinator& coordinator, Ingest& ingest);

}  // namespace assay

#endif  // ASSAY_COORDINATOR_AGENT_SERVICE_H_
