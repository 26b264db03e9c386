#ifndef ASSAY_COORDINATOR_CONTROL_SERVICE_H_
#define ASSAY_COORDINATOR_CONTROL_SERVICE_H_

#include <memory>
#include <string>

#include "coordinator/coordinator.h"

namespace grpc {
class Service;
}  // namespace grpc

namespace assay {

// What the command line asks: small transactions on connections of its own, on gRPC's own threads, which may block.
class ControlService {
 public:
  ControlService(Coordinator& coordinator, std::string database_url, int64_t term);
  ~ControlService();

  grpc::Service* service();
  // Lets the watches that are open end.
  void Stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace assay

#endif  // ASSAY_COORDINATOR_CONTROL_SERVICE_H_
