#ifndef ASSAY_AGENT_COMPLETION_HTTP_POLL_H_
#define ASSAY_AGENT_COMPLETION_HTTP_POLL_H_

#include <absl/container/flat_hash_set.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/clients/http/http_client.h"
#include "agent/clients/http/http_messages.h"
#include "agent/clients/http/login_token.h"
#include "agent/completion/poll.h"
#include "agent/loop/event_loop.h"
#include "assay/v1/scenario.pb.h"
#include "common/built_in_names.h"
#include "common/json_document.h"

namespace assay {

// Asks an HTTP API: with $(remote_id) in the URL by a request for each run, a few at once, else by listings, page after
// page until all that are waited for were in one.
class HttpPoll final : public Poll {
 public:
  // `like`: whose TLS and version the requests have. `login`: the trigger's, null where it has none.
  HttpPoll(EventLoop& loop, const v1::Completion& completion, BuiltInNames names, const HttpRequest& like,
           std::shared_ptr<LoginToken> login, std::function<void(const std::string& token)> got_token);
  ~HttpPoll() override;

  // Logs in, and asks for the first page of a listing: what cannot be had then is an error. What is in it, is not: an
  // API without a run may show anything. Requests for a run each have none to ask for yet.
  void Prepare(std::function<void(absl::Status)> done) override;
  void Look(std::vector<std::string> ids, std::function<void(Looked&&)> done) override;

 private:
  // One request, and its answer as it comes.
  struct Asked;
  static std::string FaultOf(const Asked& asked, const absl::Status& status);
  void TryListing(std::function<void(absl::Status)> done);
  void Start(const std::shared_ptr<Asked>& asked);
  void StartMore();
  void StartNext();
  void Answered(const Asked& asked, const HttpResponse& response);
  absl::Status Take(const Asked& asked, int64_t seen_ns);
  absl::Status TakePage(const Asked& asked, const JsonDocument::Part& page, int64_t seen_ns);
  void TakeInstant(const JsonDocument::Part& run, RunSeen& seen) const;
  absl::Status TakeRun(std::string id, const JsonDocument::Part& run, int64_t asked_ns, int64_t seen_ns);
  void End();

  EventLoop& loop_;
  const v1::Completion::Http http_;
  const absl::flat_hash_set<std::string> ends_;  // states
  const BuiltInNames names_;
  const HttpRequest like_;
  const bool one_each_;
  std::shared_ptr<LoginToken> login_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);

  // Of the look that is under way:
  std::function<void(Looked&&)> done_;
  Looked looked_;
  std::vector<std::string> ids_;
  size_t next_ = 0;                           // of ids_; of a listing the number of the page
  absl::flat_hash_set<std::string> missing_;  // of a listing: ids that no page had yet
  uint64_t offset_ = 0;
  std::string first_of_page_;  // id of the last page's first item
  size_t in_flight_ = 0;
  bool starting_ = false;
  bool answered_ = false;  // one request at least, with a status of success
  HttpClient client_;      // last: it drops what is in flight
};

}  // namespace assay

#endif  // ASSAY_AGENT_COMPLETION_HTTP_POLL_H_
