#ifndef ASSAY_COLLECT_TASK_READER_H_
#define ASSAY_COLLECT_TASK_READER_H_

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "assay/v1/record.pb.h"
#include "assay/v1/scenario.pb.h"
#include "collect/state_words.h"
#include "common/task_fields.h"

namespace assay {

// What a collector must know of its run, on its own clock.
struct RunFrame {
  int64_t t0_unix_ns = 0;      // T0 on the reader's wall clock
  int64_t ended_ns = 0;        // last finish, since T0
  int64_t clock_bound_ns = 0;  // how far T0 may be off
};

// Turns what a target says of its tasks, texts by field, into records, as they are: nothing is bent to look right.
// Pure.
class TaskReader {
 public:
  using Texts = std::array<std::optional<std::string_view>, kTaskFields>;

  // Errors name the key of the scenario.
  static absl::StatusOr<TaskReader> Make(std::string origin, const v1::Collector& collector, const RunFrame& frame);

  // What the records call a field, for messages: "column 'start'". By default the field's own name.
  void Call(TaskField field, std::string name) { called_[static_cast<size_t>(field)] = std::move(name); }

  // One record. FailedPrecondition: an instant without a zone, where none is declared.
  absl::Status Add(const Texts& texts);

  // What was read, with the errors of its instants: the finest resolution that a field ever showed is its own, as
  // PostgreSQL leaves out zeros at the end. Then begins anew.
  std::vector<v1::TaskRecord> Take();
  // What was not understood since the last Take: counted, with an example. Empty: all was.
  std::string TakeProblem();

 private:
  TaskReader(std::string origin, const v1::Collector& collector, const RunFrame& frame,
             std::optional<absl::TimeZone> zone);
  std::string Called(TaskField field) const;
  absl::Status AddInstant(TaskField field, std::string_view text, v1::TaskRecord& task);
  void AddState(const Texts& texts, v1::TaskRecord& task);
  void Misread(std::string what);

  const std::string origin_;
  const RunFrame frame_;
  const std::optional<absl::TimeZone> zone_;
  const int64_t declared_resolution_ns_;
  const StateWords words_;
  std::array<std::string, kTaskFields> called_;
  std::array<int64_t, kTaskFields> resolution_ns_{};  // finest so far; 0: none
  std::vector<v1::TaskRecord> tasks_;
  uint64_t misread_ = 0;
  std::string first_misread_;
};

// InvalidArgument: records without the fields that every record needs. `how` is the mend.
absl::Status CheckTaskFields(const std::array<bool, kTaskFields>& given, const std::string& how);

// Something ends before it begins, or begins before it was there.
bool IsNegative(const v1::TaskRecord& task);

}  // namespace assay

#endif  // ASSAY_COLLECT_TASK_READER_H_
