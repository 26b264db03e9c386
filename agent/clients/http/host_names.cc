#include "agent/clients/http/host_names.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>

#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "common/clock.h"
#include "common/start_thread.h"

namespace assay {
namespace {

constexpr int64_t kKeepNs = 60'000'000'000;
constexpr size_t kMostKnown = 1024;

absl::StatusOr<HostNames::Addresses> AddressesOf(const std::string& host, int flags) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  addrinfo* first = nullptr;
  const int error = getaddrinfo(host.c_str(), nullptr, &hints, &first);
  if (error != 0) {
    return absl::NotFoundError(fmt::format("cannot resolve the host name '{}': {}", host,
                                           error == EAI_SYSTEM ? std::strerror(errno) : gai_strerror(error)));
  }
  auto found = std::make_shared<std::vector<HostNames::Address>>();
  for (const addrinfo* info = first; info != nullptr; info = info->ai_next) {
    HostNames::Address& address = found->emplace_back();
    address.length = info->ai_addrlen;
    std::memcpy(&address.socket, info->ai_addr, info->ai_addrlen);
  }
  freeaddrinfo(first);
  return found;
}

}  // namespace

// Outlives the HostNames where a lookup hangs: its thread is waited for by nobody.
struct HostNames::Shared {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::string> wanted;
  Resolve resolve;
  HostNames* names = nullptr;  // null once it is gone; changed on the loop's thread only
};

std::string HostNames::Address::Text() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* const bytes = socket.ss_family == AF_INET6
                                ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in6*>(&socket)->sin6_addr)
                                : static_cast<const void*>(&reinterpret_cast<const sockaddr_in*>(&socket)->sin_addr);
  return inet_ntop(socket.ss_family, bytes, text.data(), text.size()) != nullptr ? text.data() : "an address";
}

void HostNames::Address::SetPort(uint16_t port) {
  if (socket.ss_family == AF_INET6) {
    reinterpret_cast<sockaddr_in6*>(&socket)->sin6_port = htons(port);
  } else {
    reinterpret_cast<sockaddr_in*>(&socket)->sin_port = htons(port);
  }
}

HostNames::HostNames(EventLoop& loop, Resolve resolve) : loop_(loop), resolve_(std::move(resolve)) {}

absl::StatusOr<HostNames::Addresses> HostNames::AsThisHostDoes(const std::string& host) { return AddressesOf(host, 0); }

HostNames::~HostNames() {
  if (!shared_) return;
  const std::lock_guard lock(shared_->mutex);
  shared_->names = nullptr;
  shared_->changed.notify_one();
}

void HostNames::Find(const std::string& host, Found found) {
  const auto known = known_.find(host);
  if (known != known_.end() && known->second.until_ns > MonotonicNs()) return found(known->second.addresses);
  if (const absl::StatusOr<Addresses> literal = AddressesOf(host, AI_NUMERICHOST); literal.ok()) {
    Keep(host, *literal);
    return found(literal);
  }
  if (!shared_) {
    const auto shared = std::make_shared<Shared>();
    shared->names = this;
    shared->resolve = resolve_;
    std::thread thread;
    if (const absl::Status started = StartThread(thread, [shared] { LookUp(shared); }); !started.ok()) {
      return found(absl::ResourceExhaustedError(
          fmt::format("cannot resolve the host name '{}': {}", host, std::string(started.message()))));
    }
    thread.detach();
    shared_ = shared;
  }
  std::vector<Found>& waiting = waiting_[host];
  waiting.push_back(std::move(found));
  if (waiting.size() > 1) return;
  const std::lock_guard lock(shared_->mutex);
  shared_->wanted.push_back(host);
  shared_->changed.notify_one();
}

void HostNames::LookUp(const std::shared_ptr<Shared>& shared) {
  std::unique_lock lock(shared->mutex);
  while (true) {
    shared->changed.wait(lock, [&] { return shared->names == nullptr || !shared->wanted.empty(); });
    if (shared->names == nullptr) return;
    const std::string host = std::move(shared->wanted.front());
    shared->wanted.pop_front();
    lock.unlock();
    const absl::StatusOr<Addresses> addresses = shared->resolve(host);
    lock.lock();
    if (shared->names == nullptr) return;
    shared->names->loop_.Post([shared, host, addresses] {
      if (shared->names != nullptr) shared->names->Answered(host, addresses);
    });
  }
}

void HostNames::Answered(const std::string& host, const absl::StatusOr<Addresses>& addresses) {
  if (addresses.ok()) Keep(host, *addresses);
  for (const Found& found : std::exchange(waiting_[host], {})) found(addresses);
  if (const auto waiting = waiting_.find(host); waiting->second.empty()) waiting_.erase(waiting);
}

void HostNames::Keep(const std::string& host, const Addresses& addresses) {
  if (known_.size() >= kMostKnown) known_.clear();
  known_[host] = {addresses, MonotonicNs() + kKeepNs};
}

}  // namespace assay
