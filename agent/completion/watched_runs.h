#ifndef ASSAY_AGENT_COMPLETION_WATCHED_RUNS_H_
#define ASSAY_AGENT_COMPLETION_WATCHED_RUNS_H_

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "assay/v1/record.pb.h"
#include "assay/v1/scenario.pb.h"

namespace assay {

// What a look at the target showed of one run in it. Instants are monotonic: it was like this at some time between
// them.
struct RunSeen {
  std::string id;
  std::string state;
  std::string finished;    // when it ended, as the target writes it; empty: it does not
  std::string no_instant;  // why it does not, where it should
  int64_t asked_ns = 0;
  int64_t seen_ns = 0;
};

// Triggers whose work goes on in the target, by the ids that it gave them, and what was seen of that work. Pure: time
// comes in as an argument.
class WatchedRuns {
 public:
  using Key = uint64_t;
  // `ended`: gets the record of a trigger whose run is over, as TriggerContext::ended does. `faulty`: gets an instant
  // that is not there or cannot be read, in words.
  WatchedRuns(const v1::Completion& completion, std::function<void(Key, v1::TriggerRecord&&)> ended,
              std::function<void(const std::string&)> faulty);

  // The record has remote_id and accepted_ns.
  Key Add(v1::TriggerRecord&& record);
  // All that is waited for, each id once.
  std::vector<std::string> Ids() const;
  // `wall_ahead_ns`: what the wall clock shows more than the monotonic one.
  void See(const RunSeen& seen, int64_t wall_ahead_ns);
  // A listing without a fault came to its end; what it did not show is not in it.
  void ListedAll() { listed_all_ = true; }
  // `within_ns`: of its timeout, for the words.
  void TimeOut(Key key, int64_t now_ns, int64_t within_ns);
  void CancelAll(int64_t now_ns);

  bool empty() const { return watched_.empty(); }

 private:
  struct Watched {
    v1::TriggerRecord record;
    std::optional<int64_t> unfinished_ns;  // a look that began then showed it unfinished
  };
  void Complete(Key key, const RunSeen& seen, int64_t wall_ahead_ns);
  void End(Key key, v1::Outcome outcome, std::string error, int64_t finished_ns);

  const absl::flat_hash_set<std::string> done_;
  const absl::flat_hash_set<std::string> failed_;
  const std::string ends_;  // both in words
  const std::string zone_mend_;
  const std::function<void(Key, v1::TriggerRecord&&)> ended_;
  const std::function<void(const std::string&)> faulty_;
  std::map<Key, Watched> watched_;
  absl::flat_hash_map<std::string, std::vector<Key>> by_id_;  // a target may give one id to several triggers
  Key last_key_ = 0;
  bool listed_all_ = false;
};

}  // namespace assay

#endif  // ASSAY_AGENT_COMPLETION_WATCHED_RUNS_H_
