#ifndef ASSAY_STORAGE_COLLECTION_STORE_H_
#define ASSAY_STORAGE_COLLECTION_STORE_H_

#include <absl/status/statusor.h>

#include <cstdint>

#include "assay/v1/agent.pb.h"
#include "assay/v1/record.pb.h"
#include "storage/connection.h"

namespace pqxx {
class transaction_base;
}  // namespace pqxx

namespace assay {

// What collectors need of a run, and what they bring.

// NotFound: there is no such run. Remote ids, of all agents, only where asked for.
absl::StatusOr<v1::RunWork> ReadRunWork(pqxx::transaction_base& transaction, int64_t run_id, bool remote_ids);
absl::StatusOr<v1::RunWork> ReadRunWork(Connection& connection, int64_t run_id, bool remote_ids);

// agent_id 0: the coordinator. False: what this hook found is stored already.
bool KeepCollection(pqxx::transaction_base& transaction, int64_t sweep_id, int64_t run_id, int64_t agent_id,
                    const v1::Collection& collection);

// What the coordinator read itself, one collection and its records, in one transaction, and once however often it is
// asked. NotFound: the run's sweep was removed.
absl::Status StoreCollected(Connection& connection, const v1::Batch& collected);

}  // namespace assay

#endif  // ASSAY_STORAGE_COLLECTION_STORE_H_
