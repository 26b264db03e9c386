#ifndef ASSAY_COORDINATOR_INGEST_H_
#define ASSAY_COORDINATOR_INGEST_H_

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "assay/v1/agent.pb.h"
#include "common/bounded_queue.h"
#include "storage/result_writer.h"

namespace assay {

// Takes batches from all agents and stores them in groups, on a thread and a connection of its own; acknowledges after
// the commit. Its queue is bounded: a source that finds no room is not read from until there is some, and the agents'
// spools take the rest.
class Ingest {
 public:
  // One Results stream.
  struct Source {
    std::string agent;
    std::set<std::string> refused;  // streams, on this connection; the ingest's thread only
    std::function<void(v1::Ack&&)> send;
    std::function<void()> resume;  // read on: there is room again
    std::function<void()> drop;    // end the stream; the agent comes back and resumes
  };
  struct News {
    std::function<void(int64_t run_id, int64_t agent_id, const v1::ShareEnd& end)> share_ended;
    std::function<void(int64_t hook_id)> collected;  // what a collector on an agent found is stored
    std::function<void(int64_t run_id)> late_rows;
    std::function<void(absl::Status)> trouble;  // results cannot be stored for the moment; OK: again they can
    std::function<void(absl::Status)> fatal;
  };

  Ingest(std::string database_url, std::string cluster_id, int64_t term, News news);
  ~Ingest();
  void Stop();

  // True: taken, read on. False: no room; `message` was kept by the queue's side and source->resume will be called once
  // it was taken.
  bool Take(const std::shared_ptr<Source>& source, v1::ResultsMessage&& message);

 private:
  struct Item {
    std::shared_ptr<Source> source;
    v1::ResultsMessage message;
  };
  void Run();
  void Open(const Item& item);
  static void Refuse(Source& source, const std::string& stream, const std::string& why);
  absl::StatusOr<ResultWriter::Written> Write(const std::vector<v1::Batch>& batches);
  void StoreGroup(std::vector<v1::Batch>& batches, std::vector<std::shared_ptr<Source>>& sources);
  void Tell(const ResultWriter::Written& written, const std::vector<v1::Batch>& batches,
            const std::vector<std::shared_ptr<Source>>& sources) const;
  void Readmit();

  const std::string cluster_id_;
  Connection connection_;
  ResultWriter writer_;
  const News news_;
  BoundedQueue<Item> queue_;
  std::mutex mutex_;
  std::vector<Item> held_;  // one per paused source
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace assay

#endif  // ASSAY_COORDINATOR_INGEST_H_
