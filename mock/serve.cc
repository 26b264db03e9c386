#include "mock/serve.h"

#include <event2/event.h>
#include <fmt/format.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "common/clock.h"
#include "common/json_text.h"

namespace assay {
namespace {

int Fail(const absl::Status& status) {
  fmt::print(stderr, "assay-mock: {}\n", std::string(status.message()));
  return 1;
}

}  // namespace

int ServeMock(const MockSettings& settings, bool json) {
  Faults faults(settings.faults, MonotonicNs());
  Counters counters;
  // Without the precise timer libevent's clock steps by up to 4 ms, and its waits by 1 ms.
  const std::unique_ptr<event_config, decltype(&event_config_free)> config(event_config_new(), &event_config_free);
  event_config_set_flag(config.get(), EVENT_BASE_FLAG_PRECISE_TIMER);
  const std::unique_ptr<event_base, decltype(&event_base_free)> base(event_base_new_with_config(config.get()),
                                                                     &event_base_free);
  if (base == nullptr) return Fail(absl::ResourceExhaustedError("no event loop: too many open files or epoll watches"));
  std::array<event*, 3> signals{};
  constexpr std::array kSignals{SIGINT, SIGTERM, SIGHUP};
  for (size_t i = 0; i < signals.size(); ++i) {
    signals[i] = evsignal_new(
        base.get(), kSignals[i],
        [](evutil_socket_t, short, void* loop) { event_base_loopbreak(static_cast<event_base*>(loop)); }, base.get());
    evsignal_add(signals[i], nullptr);
  }
  int exit_code = 0;
  {
    const auto http = HttpServer::Start(base.get(), settings.http, faults, counters);
    std::unique_ptr<EchoServer> grpc;
    absl::Status started = http.status();
    if (started.ok() && !settings.grpc.listen.empty()) {
      auto server = EchoServer::Start(settings.grpc, faults, counters);
      started = server.status();
      if (server.ok()) grpc = *std::move(server);
    }
    if (!started.ok()) {
      exit_code = Fail(started);
    } else {
      const std::string grpc_address = grpc == nullptr ? "" : grpc->address();
      if (json) {
        fmt::print("{{\"type\":\"listening\",\"http\":{},\"grpc\":{}}}\n", JsonString((*http)->address()),
                   grpc == nullptr ? "null" : JsonString(grpc_address));
      } else {
        fmt::print("listening http={}{}{}\n", (*http)->address(), grpc == nullptr ? "" : " grpc=", grpc_address);
      }
      std::fflush(stdout);
      event_base_dispatch(base.get());
      grpc.reset();
      fmt::print("{}\n", StatsJson(counters));
    }
  }
  for (event* signal : signals) event_free(signal);
  return exit_code;
}

}  // namespace assay
