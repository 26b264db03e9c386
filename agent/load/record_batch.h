#ifndef ASSAY_AGENT_LOAD_RECORD_BATCH_H_
#define ASSAY_AGENT_LOAD_RECORD_BATCH_H_

#include <cstddef>
#include <cstdint>

#include "agent/loop/event_loop.h"
#include "agent/spool/batch_sink.h"
#include "assay/v1/record.pb.h"

namespace assay {

// Gathers one share's records and hands them to the sink in batches: when 1,000 records or 1 MiB are together, and at
// the latest 50 ms after the first of them. Loop's thread only.
class RecordBatch {
 public:
  RecordBatch(EventLoop& loop, BatchSink& sink, int64_t run_id);
  ~RecordBatch();  // drops what was not flushed

  void Add(v1::TriggerRecord&& record);
  void Add(v1::TaskRecord&& task);
  void Add(v1::CgroupSample&& sample);
  void Add(v1::HostSample&& sample);
  void Add(v1::CgroupSeries&& series);
  // With the records before it, at once.
  void Close(v1::ShareEnd&& end);
  void Flush();

 private:
  void Added(size_t bytes);

  EventLoop& loop_;
  BatchSink& sink_;
  const int64_t run_id_;
  v1::Batch batch_;
  size_t records_ = 0;
  size_t bytes_ = 0;
  EventLoop::TimerId timer_ = 0;
};

}  // namespace assay

#endif  // ASSAY_AGENT_LOAD_RECORD_BATCH_H_
