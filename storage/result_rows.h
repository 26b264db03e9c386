#ifndef ASSAY_STORAGE_RESULT_ROWS_H_
#define ASSAY_STORAGE_RESULT_ROWS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "assay/v1/record.pb.h"
#include "storage/copy_text.h"

namespace assay {

// The rows of the big tables, as COPY takes them. sweep_id is the partition's default and is not sent.

// As the enum assay.outcome calls it.
std::string_view OutcomeName(v1::Outcome outcome);

// Most triggers are sleeps that went well and have nothing to say of a process: half the columns need not be sent for
// them.
bool IsPlain(const v1::TriggerRecord& trigger);
const std::vector<std::string>& PlainTriggerColumns();
void AppendPlainTrigger(CopyText& rows, int64_t run_id, int64_t agent_id, const v1::TriggerRecord& trigger);

const std::vector<std::string>& TriggerColumns();
void AppendTrigger(CopyText& rows, int64_t run_id, int64_t agent_id, const v1::TriggerRecord& trigger);

const std::vector<std::string>& SampleColumns();
void AppendSample(CopyText& rows, int64_t run_id, int64_t agent_id, const v1::CgroupSample& sample);

const std::vector<std::string>& HostSampleColumns();
void AppendHostSample(CopyText& rows, int64_t run_id, int64_t agent_id, const v1::HostSample& sample);

}  // namespace assay

#endif  // ASSAY_STORAGE_RESULT_ROWS_H_
