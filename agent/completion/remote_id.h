#ifndef ASSAY_AGENT_COMPLETION_REMOTE_ID_H_
#define ASSAY_AGENT_COMPLETION_REMOTE_ID_H_

#include <absl/status/statusor.h>

#include <memory>
#include <string>

#include "assay/v1/scenario.pb.h"

namespace re2 {
class RE2;
}

namespace assay {

// Where the id of what a trigger started stands in its answer. Pure.
class RemoteId {
 public:
  static absl::StatusOr<RemoteId> Of(const v1::Completion& completion);
  RemoteId(RemoteId&&) noexcept;
  ~RemoteId();

  // NotFound tells why there is none.
  absl::StatusOr<std::string> In(const std::string& answer) const;

 private:
  RemoteId(std::string pointer, std::unique_ptr<re2::RE2> pattern);
  std::string pointer_;
  std::unique_ptr<re2::RE2> pattern_;  // null: the pointer
};

}  // namespace assay

#endif  // ASSAY_AGENT_COMPLETION_REMOTE_ID_H_
