#ifndef ASSAY_AGENT_COMPLETION_POSTGRES_POLL_H_
#define ASSAY_AGENT_COMPLETION_POSTGRES_POLL_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/completion/poll.h"
#include "agent/completion/postgres_session.h"
#include "agent/loop/event_loop.h"
#include "agent/loop/work_threads.h"
#include "assay/v1/scenario.pb.h"
#include "common/built_in_names.h"

namespace assay {

// Asks the target's own database, by one query for all that is waited for, on a thread of its own. Between two queries
// the loop watches the connection for notifications.
class PostgresPoll final : public Poll {
 public:
  PostgresPoll(EventLoop& loop, const v1::Completion::Postgres& postgres, const BuiltInNames& names,
               std::function<void()> hurry);
  ~PostgresPoll() override;

  // Connects, and tries the query: without it nothing would ever be seen to end.
  void Prepare(std::function<void(absl::Status)> done) override;
  void Look(std::vector<std::string> ids, std::function<void(Looked&&)> done) override;

 private:
  void Ask(std::vector<std::string> ids, std::function<void(absl::StatusOr<std::vector<RunSeen>>&&)> done);
  void Watch();
  void Unwatch();
  void TakeNotifications();

  EventLoop& loop_;
  const bool listens_;
  const std::function<void()> hurry_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  int watched_fd_ = -1;
  bool asking_ = false;
  bool taking_ = false;                             // notifications
  PostgresSession session_;                         // the thread's, but between its tasks
  WorkThreads thread_{{.name = "assay-complete"}};  // last: it uses the session
};

}  // namespace assay

#endif  // ASSAY_AGENT_COMPLETION_POSTGRES_POLL_H_
