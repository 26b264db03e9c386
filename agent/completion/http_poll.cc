#include "agent/completion/http_poll.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/clock.h"
#include "common/percent_encoding.h"
#include "common/template.h"
#include "common/utf8.h"

namespace assay {
namespace {

constexpr int kUnauthorized = 401;
constexpr const char* kHeadersMend =
    "; give completion.http.headers what the API asks for, such as {Authorization: Bearer $(token)}";
constexpr size_t kAtOnce = 16;
constexpr size_t kMostPages = 10'000;
constexpr size_t kMostBodyBytes = 64 << 20;
constexpr int64_t kRequestTimeoutNs = 10'000'000'000;
constexpr size_t kMostFieldsBytes = 200;  // of an answer, in a message

bool RefersTo(const std::string& text, std::string_view name) {
  const std::vector<std::string> names = TemplateNames(text);
  return std::find(names.begin(), names.end(), name) != names.end();
}

absl::flat_hash_set<std::string> EndsOf(const v1::Completion& completion) {
  absl::flat_hash_set<std::string> ends(completion.done().begin(), completion.done().end());
  ends.insert(completion.failed().begin(), completion.failed().end());
  return ends;
}

// What there is instead of what the pointer should point at: the fields of the object that is nearest to it. Names
// only: values may be long, or nobody's business.
std::string FieldsNear(const JsonDocument::Part& part, std::string_view pointer) {
  do {
    const size_t slash = pointer.rfind('/');
    pointer = pointer.substr(0, slash == std::string_view::npos ? 0 : slash);
    const absl::StatusOr<std::map<std::string, std::string>> fields = part.Fields(pointer);
    if (!fields.ok()) continue;
    std::string names;
    for (const auto& [name, value] : *fields) names += (names.empty() ? "" : ", ") + name;
    return fmt::format("{} has {}", pointer.empty() ? "it" : pointer,
                       names.empty() ? "no fields" : PlainText(names, kMostFieldsBytes));
  } while (!pointer.empty());
  return "it is no object";
}

// `key`: of completion.http, whose pointer does not point at what it should.
absl::Status NotThere(std::string_view key, const std::string& pointer, const JsonDocument::Part& part,
                      const absl::Status& why) {
  return absl::NotFoundError(fmt::format("{}: {}; {}", key, std::string(why.message()), FieldsNear(part, pointer)));
}

}  // namespace

struct HttpPoll::Asked {
  std::string id;  // empty: a listing
  std::string url;
  std::string body;
  uint64_t token = 0;
  int64_t asked_ns = 0;
};

HttpPoll::HttpPoll(EventLoop& loop, const v1::Completion& completion, BuiltInNames names, const HttpRequest& like,
                   std::shared_ptr<LoginToken> login, std::function<void(const std::string& token)> got_token)
    : loop_(loop),
      http_(completion.http()),
      ends_(EndsOf(completion)),
      names_(std::move(names)),
      like_(like),
      one_each_(RefersTo(http_.url(), "remote_id")),
      login_(std::move(login)),
      client_(loop, kAtOnce) {
  if (http_.has_login())
    login_ = std::make_shared<LoginToken>(loop, http_.login(), names_, like_, std::move(got_token));
}

HttpPoll::~HttpPoll() = default;

// The trigger's login has been asked by then.
void HttpPoll::Prepare(std::function<void(absl::Status)> done) {
  auto logged_in = [this, done = std::move(done)](const absl::Status& status) {
    if (!status.ok() || one_each_) return done(status);
    TryListing(done);
  };
  if (http_.has_login()) return login_->Ask(std::move(logged_in));
  logged_in(absl::OkStatus());
}

void HttpPoll::TryListing(std::function<void(absl::Status)> done) {
  Look({}, [this, done = std::move(done)](const Looked& looked) {
    done(answered_ ? absl::OkStatus()
                   : absl::UnavailableError(fmt::format("completion.http.url, tried before T0: {}", looked.error)));
  });
}

void HttpPoll::Look(std::vector<std::string> ids, std::function<void(Looked&&)> done) {
  done_ = std::move(done);
  looked_ = Looked();
  answered_ = false;
  ids_ = std::move(ids);
  next_ = 0;
  offset_ = 0;
  first_of_page_.clear();
  missing_.clear();
  if (!one_each_) missing_.insert(ids_.begin(), ids_.end());
  StartMore();
}

// A request may end within its start, so this is never entered twice.
void HttpPoll::StartMore() {
  if (std::exchange(starting_, true)) return;
  const size_t at_once = one_each_ ? kAtOnce : 1;
  while (done_ && in_flight_ < at_once && next_ < (one_each_ ? ids_.size() : kMostPages)) StartNext();
  starting_ = false;
  if (done_ && in_flight_ == 0) End();
}

void HttpPoll::StartNext() {
  auto asked = std::make_shared<Asked>();
  BuiltInNames::Others others;
  if (one_each_) {
    asked->id = ids_[next_];
    // Airflow's ids have ':' and '+' in them.
    others.emplace_back("remote_id", PercentEncoded(asked->id));
  } else {
    others.emplace_back("offset", std::to_string(offset_));
    others.emplace_back("limit", std::to_string(http_.page()));
  }
  ++next_;
  asked->url = names_.Expand(http_.url(), std::nullopt, others);
  Start(asked);
}

void HttpPoll::Start(const std::shared_ptr<Asked>& asked) {
  auto request = std::make_shared<HttpRequest>(like_);
  request->method = "GET";
  request->url = asked->url;
  request->body.clear();
  request->headers.clear();
  request->timeout_ns = kRequestTimeoutNs;
  request->connect_timeout_ns = 0;
  request->first_byte_timeout_ns = 0;
  BuiltInNames::Others others;
  if (login_) {
    asked->token = login_->number();
    others.emplace_back("token", login_->text());
  }
  for (const auto& [name, value] : http_.headers())
    request->headers.push_back(fmt::format("{}: {}", name, names_.Expand(value, std::nullopt, others)));
  asked->asked_ns = MonotonicNs();
  ++in_flight_;
  client_.Start(
      std::move(request),
      [asked](int, std::string_view bytes) { asked->body += bytes.substr(0, kMostBodyBytes - asked->body.size()); },
      [this, asked](HttpResponse&& response) { Answered(*asked, response); });
}

std::string HttpPoll::FaultOf(const Asked& asked, const absl::Status& status) {
  return fmt::format("GET {}: {}", asked.url, std::string(status.message()));
}

void HttpPoll::Answered(const Asked& asked, const HttpResponse& response) {
  --in_flight_;
  // A token lives for a while only: what is refused with an old one is asked again by the next look, and no fault.
  const bool old_token = login_ && login_->Answered(asked.token, response.status);
  absl::Status taken;
  if (response.end != HttpResponse::End::kAnswered) {
    taken = absl::UnavailableError(response.error);
  } else if (response.status < 200 || response.status > 299) {
    taken = absl::UnavailableError(fmt::format("answered with status {}{}", response.status,
                                               response.status == kUnauthorized ? kHeadersMend : ""));
  } else {
    answered_ = true;
    taken = Take(asked, response.finished_ns);
  }
  if (!taken.ok()) {
    if (!old_token) looked_.Fault(FaultOf(asked, taken));
    // Without one page the rest of a listing is not worth its requests.
    if (!one_each_) next_ = kMostPages;
  }
  StartMore();
}

absl::Status HttpPoll::Take(const Asked& asked, int64_t seen_ns) {
  const absl::StatusOr<JsonDocument> answer = JsonDocument::Parse(asked.body);
  if (!answer.ok()) return answer.status();
  return one_each_ ? TakeRun(asked.id, answer->root(), asked.asked_ns, seen_ns)
                   : TakePage(asked, answer->root(), seen_ns);
}

absl::Status HttpPoll::TakePage(const Asked& asked, const JsonDocument::Part& page, int64_t seen_ns) {
  const absl::StatusOr<std::vector<JsonDocument::Part>> items = page.Items(http_.items());
  if (!items.ok()) return NotThere("items", http_.items(), page, items.status());
  absl::Status fault;
  absl::Status odd;
  std::string first;
  for (const JsonDocument::Part& item : *items) {
    const absl::StatusOr<std::string> id = item.Text(http_.id());
    if (!id.ok() && odd.ok()) odd = NotThere("id", http_.id(), item, id.status());
    if (id.ok() && first.empty()) first = *id;
    // Once: pages shift while they are read.
    if (id.ok() && missing_.erase(*id) > 0) odd.Update(TakeRun(*id, item, asked.asked_ns, seen_ns));
  }
  // Of pages with none to know them by there may be endlessly many; an odd one beside others hides no other's state.
  if (first.empty()) fault = odd;
  if (!first.empty() && !odd.ok()) looked_.Fault(FaultOf(asked, odd));
  offset_ += items->size();
  // Not a page that is not full: an API may give fewer at once than it is asked for.
  const bool last = http_.page() == 0 || items->empty();
  if (last || missing_.empty()) next_ = kMostPages;
  if (next_ < kMostPages && !first.empty() && first == first_of_page_)
    fault.Update(absl::NotFoundError("the same page as before: the API does not heed $(offset) and $(limit)"));
  first_of_page_ = first;
  if (last && fault.ok() && looked_.errors == 0) looked_.listed_all = true;
  return fault;
}

absl::Status HttpPoll::TakeRun(std::string id, const JsonDocument::Part& run, int64_t asked_ns, int64_t seen_ns) {
  const absl::StatusOr<std::string> state = run.Text(http_.state());
  if (!state.ok()) return NotThere("state", http_.state(), run, state.status());
  RunSeen& seen = looked_.seen.emplace_back();
  seen.id = std::move(id);
  seen.state = *state;
  seen.asked_ns = asked_ns;
  seen.seen_ns = seen_ns;
  // Absent or null while it runs.
  if (!http_.finished().empty() && ends_.contains(seen.state)) TakeInstant(run, seen);
  return absl::OkStatus();
}

void HttpPoll::TakeInstant(const JsonDocument::Part& run, RunSeen& seen) const {
  const absl::StatusOr<std::string> finished = run.Text(http_.finished());
  seen.finished = finished.value_or("");
  if (!seen.finished.empty()) return;
  const absl::Status why = finished.ok()
                               ? absl::NotFoundError(fmt::format("{} points at an empty text", http_.finished()))
                               : finished.status();
  seen.no_instant = fmt::format("{}: point it at the instant of the end, without which a run ends when a look sees it",
                                std::string(NotThere("finished", http_.finished(), run, why).message()));
}

void HttpPoll::End() {
  loop_.Post([alive = std::weak_ptr<bool>(alive_), done = std::exchange(done_, nullptr),
              looked = std::make_shared<Looked>(std::move(looked_))] {
    if (!alive.expired()) done(std::move(*looked));
  });
}

}  // namespace assay
