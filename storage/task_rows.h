#ifndef ASSAY_STORAGE_TASK_ROWS_H_
#define ASSAY_STORAGE_TASK_ROWS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "assay/v1/record.pb.h"
#include "storage/copy_text.h"

namespace assay {

// The rows of table task, as COPY takes them. sweep_id is the partition's default and is not sent.
const std::vector<std::string>& TaskColumns();
// agent_id 0: the coordinator read the record itself.
void AppendTask(CopyText& rows, int64_t run_id, int64_t agent_id, const v1::TaskRecord& task);

}  // namespace assay

#endif  // ASSAY_STORAGE_TASK_ROWS_H_
