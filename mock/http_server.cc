#include "mock/http_server.h"

#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <fmt/format.h>

#include <cstdlib>
#include <deque>
#include <functional>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

#include "common/clock.h"
#include "mock/gate.h"
#include "mock/http_reply.h"
#include "mock/items.h"
#include "mock/listener.h"
#include "mock/object_routes.h"
#include "mock/route.h"
#include "mock/timers.h"

namespace assay {
namespace {

constexpr const char* kJson = "application/json";
constexpr uint64_t kRunsOfAPage = 100;  // of a listing that does not say how many
// A client may keep a connection idle between two runs.
constexpr int kIdleLimitS = 3600;
constexpr ev_ssize_t kHeaderLimitBytes = 64 << 10;

}  // namespace

struct HttpServer::State {
  State(event_base* event_loop, const Options& given, Faults& wanted_faults, Counters& all_counters)
      : base(event_loop),
        options(given),
        faults(wanted_faults),
        counters(all_counters),
        timers(event_loop),
        gate(timers, wanted_faults),
        objects(given.objects),
        runs(given.runs),
        items(ItemsJson(given.items)),
        http(evhttp_new(event_loop)) {}
  ~State() { evhttp_free(http); }

  absl::Status Listen();
  void Received(evhttp_request* request);
  void Answer(evhttp_request* request, Route route, const std::string& path);
  void Extract(evhttp_request* request);
  void Load(evhttp_request* request);
  void GetRun(evhttp_request* request, const std::string& path);
  void ListRuns(evhttp_request* request);
  // After the delay of all that is not part of the mock I/O API.
  void Later(std::function<void()> answer);

  event_base* base;
  const Options options;
  Faults& faults;
  Counters& counters;
  Timers timers;
  Gate gate;
  ObjectRoutes objects;
  Runs runs;
  const std::string items;
  evhttp* http;
  std::string address;
  uint32_t extracts = 0;
  std::deque<evhttp_request*> extracts_waiting;
};

absl::Status HttpServer::State::Listen() {
  absl::StatusOr<Listener> listening = assay::Listen(base, options.listen);
  if (!listening.ok()) return listening.status();
  address = std::move(listening->address);
  evhttp_bind_listener(http, listening->listener);
  evhttp_set_allowed_methods(http,
                             EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST | EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE);
  evhttp_set_max_headers_size(http, kHeaderLimitBytes);
  // What fits the store, encoding and all, is read; the store says what is too much.
  evhttp_set_max_body_size(http, static_cast<ev_ssize_t>(2 * options.objects.limit_bytes + (1 << 20)));
  evhttp_set_timeout(http, kIdleLimitS);
  evhttp_set_gencb(
      http, [](evhttp_request* request, void* self) { static_cast<State*>(self)->Received(request); }, this);
  return absl::OkStatus();
}

// A client that leaves before it is answered goes unnoticed until then: libevent reads nothing meanwhile, and keeps the
// request.
void HttpServer::State::Received(evhttp_request* request) {
  std::string path = DecodedPath(request);
  const Route route = RouteOf(request, path);
  counters.Count(route);
  gate.Run([this, request, route, path = std::move(path)] { Answer(request, route, path); });
}

void HttpServer::State::Answer(evhttp_request* request, Route route, const std::string& path) {
  const bool may_fail = route != Route::kHealth && route != Route::kStats;
  if (may_fail && faults.RefusesNext()) {
    counters.CountError();
    return ReplyError(request, options.error_status, "refused on purpose (--error-rate)");
  }
  switch (route) {
    case Route::kHealth:
      return Reply(request, 200, kJson, R"({"ok":true})");
    case Route::kExtract:
      return Extract(request);
    case Route::kLoad:
      return Load(request);
    case Route::kStats:
      return Reply(request, 200, kJson, StatsJson(counters) + "\n");
    case Route::kEcho:
      return Later([request] {
        const std::string_view type = Header(request, "Content-Type");
        Reply(request, 200, type.empty() ? "text/plain" : std::string(type).c_str(), TakeBody(request));
      });
    case Route::kObjectGet:
    case Route::kObjectHead:
      return Later([this, request, path] { objects.Get(request, path); });
    case Route::kObjectPut:
      return Later([this, request, path] { objects.Put(request, path); });
    case Route::kObjectDelete:
      return Later([this, request, path] { objects.Delete(request, path); });
    case Route::kList:
      return Later([this, request, path] { objects.List(request, path.substr(0, path.find('/'))); });
    case Route::kBucket:  // every bucket exists
      return Reply(request, 200, "application/xml", "");
    case Route::kRunStart:
      return Later([this, request] { Reply(request, 200, kJson, runs.Start(WallNs())); });
    case Route::kRun:
      return Later([this, request, path] { GetRun(request, path); });
    case Route::kRunList:
      return Later([this, request] { ListRuns(request); });
    case Route::kUnknown:
    case Route::kGrpcEcho:
      break;
  }
  ReplyError(request, 404,
             "there are GET /health, GET /extract, POST /load, /echo, GET /stats, POST and GET /runs, and objects at "
             "/BUCKET/KEY");
}

void HttpServer::State::GetRun(evhttp_request* request, const std::string& path) {
  const std::optional<std::string> run = runs.Get(path.substr(path.find('/') + 1), WallNs());
  if (!run) return ReplyError(request, 404, "there is no such run");
  Reply(request, 200, kJson, *run);
}

void HttpServer::State::ListRuns(evhttp_request* request) {
  const auto asked = [request](const char* name, uint64_t otherwise) {
    evkeyvalq query;
    const char* text = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(request));
    if (text == nullptr || evhttp_parse_query_str(text, &query) != 0) return otherwise;
    if (const char* value = evhttp_find_header(&query, name); value != nullptr)
      otherwise = std::strtoull(value, nullptr, 10);
    evhttp_clear_headers(&query);
    return otherwise;
  };
  Reply(request, 200, kJson, runs.List(asked("offset", 0), asked("limit", kRunsOfAPage), WallNs()));
}

void HttpServer::State::Later(std::function<void()> answer) {
  if (options.echo_delay_ns == 0) return answer();
  timers.After(options.echo_delay_ns, [this, answer = std::move(answer)] { gate.Run(answer); });
}

void HttpServer::State::Extract(evhttp_request* request) {
  if (options.extracts_at_once > 0 && extracts == options.extracts_at_once) {
    extracts_waiting.push_back(request);
    return;
  }
  ++extracts;
  timers.After(options.delay_ns, [this, request] {
    gate.Run([this, request] {
      ReplyStatic(request, 200, kJson, items);
      --extracts;
      if (extracts_waiting.empty()) return;
      evhttp_request* next = extracts_waiting.front();
      extracts_waiting.pop_front();
      Extract(next);
    });
  });
}

void HttpServer::State::Load(evhttp_request* request) {
  const absl::StatusOr<size_t> received = CountItems(TakeBody(request));
  if (!received.ok()) return ReplyError(request, 400, std::string(received.status().message()));
  auto answer = [request, received = *received] {
    Reply(request, 200, kJson, fmt::format(R"({{"ok":true,"received":{}}})", received));
  };
  if (options.serial_load) return gate.ShutFor(options.delay_ns, std::move(answer));
  timers.After(options.delay_ns, [this, answer = std::move(answer)] { gate.Run(answer); });
}

HttpServer::HttpServer(std::unique_ptr<State> state) : state_(std::move(state)) {}
HttpServer::~HttpServer() = default;
const std::string& HttpServer::address() const { return state_->address; }

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(event_base* base, const Options& options, Faults& faults,
                                                              Counters& counters) {
  auto state = std::make_unique<State>(base, options, faults, counters);
  if (const absl::Status listening = state->Listen(); !listening.ok()) return listening;
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(state)));
}

std::string StatsJson(const Counters& counters) {
  std::string json = R"({"requests":{)";
  for (size_t i = 0; i < kRouteNames.size(); ++i) {
    fmt::format_to(std::back_inserter(json), R"({}"{}":{})", i == 0 ? "" : ",", kRouteNames[i],
                   counters.received(static_cast<Route>(i)));
  }
  fmt::format_to(std::back_inserter(json), R"(}},"errors":{}}})", counters.errors());
  return json;
}

}  // namespace assay
