#ifndef ASSAY_STORAGE_SERIES_STORE_H_
#define ASSAY_STORAGE_SERIES_STORE_H_

#include <cstdint>
#include <vector>

#include "storage/result_copy.h"

namespace assay {

// Stores what the series of these batches, all of one sweep, are of. Throws what libpqxx throws.
void WriteSeries(pqxx::transaction_base& transaction, int64_t sweep_id, const std::vector<BatchOfAgent>& batches);

}  // namespace assay

#endif  // ASSAY_STORAGE_SERIES_STORE_H_
