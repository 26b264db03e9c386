#include "agent/completion/postgres_poll.h"

#include <sys/epoll.h>

#include <utility>

namespace assay {

PostgresPoll::PostgresPoll(EventLoop& loop, const v1::Completion::Postgres& postgres, const BuiltInNames& names,
                           std::function<void()> hurry)
    : loop_(loop),
      listens_(!postgres.listen().empty()),
      hurry_(std::move(hurry)),
      session_(names.Expand(postgres.url()), postgres.query(), postgres.listen()) {}

PostgresPoll::~PostgresPoll() {
  Unwatch();
  session_.Interrupt();
  thread_.Stop();
}

void PostgresPoll::Prepare(std::function<void(absl::Status)> done) {
  Ask({}, [done = std::move(done)](absl::StatusOr<std::vector<RunSeen>>&& tried) { done(tried.status()); });
}

void PostgresPoll::Look(std::vector<std::string> ids, std::function<void(Looked&&)> done) {
  Ask(std::move(ids), [done = std::move(done)](absl::StatusOr<std::vector<RunSeen>>&& seen) {
    Looked looked;
    if (seen.ok()) {
      looked.seen = *std::move(seen);
      looked.listed_all = true;
    } else {
      looked.Fault(std::string(seen.status().message()));
    }
    done(std::move(looked));
  });
}

void PostgresPoll::Ask(std::vector<std::string> ids, std::function<void(absl::StatusOr<std::vector<RunSeen>>&&)> done) {
  Unwatch();
  asking_ = true;
  thread_.Post([this, alive = std::weak_ptr<bool>(alive_), ids = std::move(ids), done = std::move(done)]() mutable {
    auto seen = std::make_shared<absl::StatusOr<std::vector<RunSeen>>>(session_.Ask(ids));
    // What came in with the answer is not on the socket any more.
    const bool notified = listens_ && session_.Notified().value_or(false);
    loop_.Post([this, alive, seen, notified, done = std::move(done)] {
      if (alive.expired()) return;
      asking_ = false;
      done(std::move(*seen));
      if (notified) hurry_();
      Watch();
    });
  });
}

void PostgresPoll::Watch() {
  if (!listens_ || asking_ || taking_ || watched_fd_ >= 0) return;
  watched_fd_ = session_.socket();
  if (watched_fd_ < 0) return;
  if (!loop_.Watch(watched_fd_, EPOLLIN, [this](uint32_t) { TakeNotifications(); })) watched_fd_ = -1;
}

void PostgresPoll::Unwatch() {
  if (watched_fd_ >= 0) loop_.Unwatch(watched_fd_);
  watched_fd_ = -1;
}

void PostgresPoll::TakeNotifications() {
  Unwatch();
  taking_ = true;
  thread_.Post([this, alive = std::weak_ptr<bool>(alive_)] {
    const bool notified = session_.Notified().value_or(false);
    loop_.Post([this, alive, notified] {
      if (alive.expired()) return;
      taking_ = false;
      if (notified) hurry_();
      Watch();
    });
  });
}

}  // namespace assay
