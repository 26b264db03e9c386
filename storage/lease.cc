#include "storage/lease.h"

#include <fmt/format.h>

#include <pqxx/pqxx>

namespace assay {

absl::StatusOr<Lease::Attempt> Lease::TryAcquire() {
  connection_.FenceWith(0);
  Attempt attempt;
  absl::Status status = connection_.Transact([&](pqxx::transaction_base& transaction) {
    // A fenced transaction of the old holder that hangs would block us; its server ends it in a while, and we try
    // again.
    transaction.exec("SET LOCAL lock_timeout = '2s'");
    const pqxx::result taken = transaction.exec_params(
        "UPDATE assay.coordinator SET term = term + 1, holder = $1, expires_at = clock_timestamp() + $2 * interval '1 "
        "millisecond' "
        "WHERE holder = $1 OR expires_at <= clock_timestamp() RETURNING term",
        holder_, ttl_ms_);
    attempt.acquired = !taken.empty();
    if (attempt.acquired) {
      attempt.term = taken[0][0].as<int64_t>();
      return absl::OkStatus();
    }
    const pqxx::row other = transaction.exec1(
        "SELECT holder, greatest(0, ceil(1000 * extract(epoch FROM expires_at - clock_timestamp())))::bigint FROM "
        "assay.coordinator");
    attempt.other_holder = other[0].as<std::string>();
    attempt.other_expires_in_ms = other[1].as<int64_t>();
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  if (attempt.acquired) term_ = attempt.term;
  return attempt;
}

absl::Status Lease::Renew() {
  bool ours = false;
  absl::Status status = connection_.Transact([&](pqxx::transaction_base& transaction) {
    // An expired lease that nobody took is still ours.
    ours = transaction
               .exec_params(
                   "UPDATE assay.coordinator SET expires_at = clock_timestamp() + $2 * interval '1 millisecond' WHERE "
                   "term = $1",
                   term_, ttl_ms_)
               .affected_rows() == 1;
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  if (!ours)
    return absl::FailedPreconditionError(fmt::format(
        "this coordinator's term {} is over: another one has taken the database at {}", term_, connection_.Where()));
  return absl::OkStatus();
}

absl::Status Lease::Release() {
  return connection_.Transact([&](pqxx::transaction_base& transaction) {
    transaction.exec_params("UPDATE assay.coordinator SET expires_at = '-infinity' WHERE term = $1", term_);
    return absl::OkStatus();
  });
}

}  // namespace assay
