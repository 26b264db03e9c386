#ifndef ASSAY_COLLECT_RECORD_SOURCE_H_
#define ASSAY_COLLECT_RECORD_SOURCE_H_

#include <absl/status/statusor.h>

#include <memory>
#include <string>
#include <vector>

#include "assay/v1/scenario.pb.h"
#include "collect/looks.h"
#include "collect/patience.h"
#include "collect/task_reader.h"

namespace assay {

// Where a target keeps its records. A look blocks, and ends soon when its patience is over. Unavailable: a later look
// may do better. Any other error is for good. Errors name host or file, and the mend.
class RecordSource {
 public:
  virtual ~RecordSource() = default;
  virtual absl::StatusOr<Look> Read(const Patience& patience) = 0;
};

using RecordSourcePtr = std::unique_ptr<RecordSource>;

// One for each kind of collector. The collector's templates are expanded, but for names that only a source knows.
RecordSourcePtr MakePostgresSource(const v1::Collector::Postgres& postgres, const std::vector<std::string>& remote_ids,
                                   const RunFrame& frame, TaskReader reader);
RecordSourcePtr MakeCsvSource(const v1::Collector::Csv& csv, TaskReader reader);
RecordSourcePtr MakeHttpSource(const v1::Collector::Http& http, std::vector<std::string> remote_ids, TaskReader reader);
RecordSourcePtr MakePrometheusSource(const v1::Collector::Prometheus& prometheus, const RunFrame& frame);

}  // namespace assay

#endif  // ASSAY_COLLECT_RECORD_SOURCE_H_
