#ifndef ASSAY_STORAGE_LEASE_H_
#define ASSAY_STORAGE_LEASE_H_

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>

#include "storage/connection.h"

namespace assay {

// The right to be the coordinator of a database: one row (holder, term, expires_at). The database's clock decides. A
// new holder raises `term`, which is the row's primary key, so every fenced transaction of the old one fails from then
// on.
class Lease {
 public:
  Lease(Connection& connection, std::string holder, int64_t ttl_ms)
      : connection_(connection), holder_(std::move(holder)), ttl_ms_(ttl_ms) {}

  struct Attempt {
    bool acquired = false;
    int64_t term = 0;          // ours if acquired
    std::string other_holder;  // else who has it
    int64_t other_expires_in_ms = 0;
  };
  // Also what the same holder calls to have a new term. Takes the fence off the connection.
  absl::StatusOr<Attempt> TryAcquire();
  // FailedPrecondition if another one has taken over.
  absl::Status Renew();
  // Lets the next coordinator in at once.
  absl::Status Release();

 private:
  Connection& connection_;
  const std::string holder_;
  const int64_t ttl_ms_;
  int64_t term_ = 0;
};

}  // namespace assay

#endif  // ASSAY_STORAGE_LEASE_H_
