#ifndef ASSAY_TESTS_STORAGE_RESULT_WRITER_FIXTURE_H_
#define ASSAY_TESTS_STORAGE_RESULT_WRITER_FIXTURE_H_

#include <cstdint>

#include "tests/storage/store_fixture.h"

namespace assay {

// A run of ten triggers of agent a, whose stream is "s".
class ResultWriterTest : public StoreTest {
 protected:
  ResultWriterTest() : sweep_(MakeSweep(4, {{"t", "{}"}})), run_(StartedRun(sweep_, 0, 0, {a_}, 10)) { Open("s", a_); }

  v1::Batch Triggers(uint64_t first, uint64_t count) {
    v1::Batch batch = NextBatch("s", run_.run_id);
    for (uint64_t i = first; i < first + count; ++i) AddTrigger(batch, i, 0, 1, 2);
    return batch;
  }

  SweepRow sweep_;
  RunRow run_;
};

}  // namespace assay

#endif  // ASSAY_TESTS_STORAGE_RESULT_WRITER_FIXTURE_H_
