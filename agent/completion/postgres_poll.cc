#include "agent/completion/postgres_poll.h"

#include <fmt/format.h>
#include <sys/epoll.h>

#include <utility>

namespace assay {

PostgresPoll::PostgresPoll(EventLoop& loop, const v1::Completion::Postgres& postgres, const BuiltInNames& names,
                           std::function<void()> hurry, HostNames::Resolve resolve)
    : loop_(loop),
      url_(names.Expand(postgres.url())),
      listens_(!postgres.listen().empty()),
      hurry_(std::move(hurry)),
      host_names_(loop, std::move(resolve)),
      session_(url_, postgres.query(), postgres.listen()) {
  // A url that is none is told by who connects.
  const absl::StatusOr<PostgresPlace> place = PostgresPlace::Of(url_);
  if (!place.ok()) return;
  names_ = place->Names();
  where_ = place->Text();
}

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

void PostgresPoll::Ask(std::vector<std::string> ids, Asked done) {
  Unwatch();
  asking_ = true;
  if (connected_ || names_.empty()) return AskAt({}, std::move(ids), std::move(done));
  LookUp(0, {}, absl::OkStatus(),
         [this, ids = std::move(ids), done = std::move(done)](absl::StatusOr<Addresses>&& found) mutable {
           if (found.ok()) return AskAt(*std::move(found), std::move(ids), std::move(done));
           // Later, as every answer comes.
           loop_.Post([this, alive = std::weak_ptr<bool>(alive_), done = std::move(done), failed = found.status()] {
             if (alive.expired()) return;
             asking_ = false;
             done(failed);
           });
         });
}

void PostgresPoll::LookUp(size_t next, Addresses found, absl::Status failed,
                          std::function<void(absl::StatusOr<Addresses>&&)> done) {
  if (next == names_.size()) {
    if (!found.empty() || failed.ok()) return done(std::move(found));
    return done(absl::UnavailableError(
        fmt::format("completion.postgres: PostgreSQL at {}: {}", where_, std::string(failed.message()))));
  }
  const std::string& name = names_[next];
  host_names_.Find(name, [this, next, name, found = std::move(found), failed = std::move(failed),
                          done = std::move(done)](const absl::StatusOr<HostNames::Addresses>& addresses) mutable {
    if (addresses.ok()) {
      for (const HostNames::Address& address : **addresses) found[name].push_back(address.Text());
    } else {
      failed = addresses.status();
    }
    LookUp(next + 1, std::move(found), std::move(failed), std::move(done));
  });
}

void PostgresPoll::AskAt(Addresses addresses, std::vector<std::string> ids, Asked done) {
  thread_.Post([this, alive = std::weak_ptr<bool>(alive_), addresses = std::move(addresses), ids = std::move(ids),
                done = std::move(done)]() mutable {
    auto seen = std::make_shared<absl::StatusOr<std::vector<RunSeen>>>(session_.Ask(ids, std::move(addresses)));
    // What came in with the answer is not on the socket any more.
    const bool notified = listens_ && session_.Notified().value_or(false);
    const bool connected = session_.socket() >= 0;
    loop_.Post([this, alive, seen, notified, connected, done = std::move(done)] {
      if (alive.expired()) return;
      asking_ = false;
      connected_ = connected;
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
    const bool connected = session_.socket() >= 0;
    loop_.Post([this, alive, notified, connected] {
      if (alive.expired()) return;
      taking_ = false;
      connected_ = connected;
      if (notified) hurry_();
      Watch();
    });
  });
}

}  // namespace assay
