#ifndef ASSAY_STORAGE_METRIC_ROWS_H_
#define ASSAY_STORAGE_METRIC_ROWS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "assay/v1/record.pb.h"
#include "storage/copy_text.h"

namespace assay {

// The rows of table metric_sample, as COPY takes them.
const std::vector<std::string>& MetricColumns();
// agent_id 0: the coordinator read it itself.
void AppendMetric(CopyText& rows, int64_t sweep_id, int64_t run_id, int64_t agent_id, const v1::MetricSample& sample);

}  // namespace assay

#endif  // ASSAY_STORAGE_METRIC_ROWS_H_
