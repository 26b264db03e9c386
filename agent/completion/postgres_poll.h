#ifndef ASSAY_AGENT_COMPLETION_POSTGRES_POLL_H_
#define ASSAY_AGENT_COMPLETION_POSTGRES_POLL_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/clients/http/host_names.h"
#include "agent/completion/poll.h"
#include "agent/completion/postgres_session.h"
#include "agent/loop/event_loop.h"
#include "agent/loop/work_threads.h"
#include "assay/v1/scenario.pb.h"
#include "common/built_in_names.h"

namespace assay {

// Asks the target's own database, by one query for all that is waited for, on a thread of its own. Between two queries
// the loop watches the connection for notifications. Names of hosts are looked up before that thread connects, by one
// that nobody waits for: libpq would block in it for as long as a name server takes, and with it the end of a share.
class PostgresPoll final : public Poll {
 public:
  PostgresPoll(EventLoop& loop, const v1::Completion::Postgres& postgres, const BuiltInNames& names,
               std::function<void()> hurry, HostNames::Resolve resolve = &HostNames::AsThisHostDoes);
  ~PostgresPoll() override;

  // Connects, and tries the query: without it nothing would ever be seen to end.
  void Prepare(std::function<void(absl::Status)> done) override;
  void Look(std::vector<std::string> ids, std::function<void(Looked&&)> done) override;

 private:
  using Asked = std::function<void(absl::StatusOr<std::vector<RunSeen>>&&)>;
  using Addresses = PostgresPlace::Addresses;

  void Ask(std::vector<std::string> ids, Asked done);
  // Of names_[next] and all behind it.
  void LookUp(size_t next, Addresses found, absl::Status failed, std::function<void(absl::StatusOr<Addresses>&&)> done);
  void AskAt(Addresses addresses, std::vector<std::string> ids, Asked done);
  void Watch();
  void Unwatch();
  void TakeNotifications();

  EventLoop& loop_;
  const std::string url_;
  const bool listens_;
  const std::function<void()> hurry_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  int watched_fd_ = -1;
  std::vector<std::string> names_;  // of the url's hosts
  std::string where_;
  HostNames host_names_;
  bool connected_ = false;  // when the thread was last heard of
  bool asking_ = false;
  bool taking_ = false;                             // notifications
  PostgresSession session_;                         // the thread's, but between its tasks
  WorkThreads thread_{{.name = "assay-complete"}};  // last: it uses the session
};

}  // namespace assay

#endif  // ASSAY_AGENT_COMPLETION_POSTGRES_POLL_H_
