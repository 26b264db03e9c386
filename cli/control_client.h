#ifndef ASSAY_CLI_CONTROL_CLIENT_H_
#define ASSAY_CLI_CONTROL_CLIENT_H_

#include <absl/status/statusor.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "assay/v1/control.pb.h"

namespace assay {

// The coordinator's control service as blocking calls. Unavailable messages name the address, the reason and the mend;
// other errors are the coordinator's own words. Thread-safe.
class ControlClient {
 public:
  explicit ControlClient(std::string address);
  ~ControlClient();

  const std::string& address() const { return address_; }

  absl::StatusOr<v1::StartSweepReply> StartSweep(const v1::StartSweepRequest& request);
  absl::StatusOr<v1::ListSweepsReply> ListSweeps(std::chrono::seconds deadline = std::chrono::seconds(60));
  absl::Status CancelSweep(int64_t sweep_id, bool now);
  absl::Status RemoveSweep(int64_t sweep_id);
  absl::StatusOr<v1::ViewRows> ReadView(int64_t sweep_id, const std::string& view,
                                        uint32_t max_rows = 0);  // 0: all
  absl::StatusOr<v1::ListAgentsReply> ListAgents(const v1::ListAgentsRequest& request = {});
  absl::Status Export(const v1::ExportRequest& request,
                      const std::function<absl::Status(const v1::ExportChunk&)>& take);
  // The state now, with the results of all runs that have ended.
  absl::StatusOr<v1::SweepProgress> Progress(int64_t sweep_id);

  // Calls `take` with every message until the stream ends (its status is returned), `take` says false (OK), or
  // StopWatching (Cancelled).
  absl::Status Watch(int64_t sweep_id, const std::function<bool(v1::SweepProgress)>& take);
  // From any thread; also makes every later Watch return at once.
  void StopWatching();

 private:
  struct Rpc;
  const std::string address_;
  const std::unique_ptr<Rpc> rpc_;
};

}  // namespace assay

#endif  // ASSAY_CLI_CONTROL_CLIENT_H_
