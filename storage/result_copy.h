#ifndef ASSAY_STORAGE_RESULT_COPY_H_
#define ASSAY_STORAGE_RESULT_COPY_H_

#include <cstdint>
#include <vector>

#include "assay/v1/record.pb.h"

namespace pqxx {
class transaction_base;
}  // namespace pqxx

namespace assay {

struct BatchOfAgent {
  const v1::Batch* batch = nullptr;
  int64_t agent_id = 0;  // 0: the coordinator's own, which brings only what collectors read
};

// COPYs the rows of batches, all of one sweep, into the sweep's partitions. Throws what libpqxx throws; the transaction
// must then be rolled back, as rows before the bad one may be in it.
void CopySweep(pqxx::transaction_base& transaction, int64_t sweep_id, const std::vector<BatchOfAgent>& batches);

}  // namespace assay

#endif  // ASSAY_STORAGE_RESULT_COPY_H_
