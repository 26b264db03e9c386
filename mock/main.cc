#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "common/command_line.h"
#include "common/host_port.h"
#include "common/open_files.h"
#include "common/program.h"
#include "common/protocol.h"
#include "common/start_thread.h"
#include "common/units.h"
#include "mock/serve.h"

namespace assay {
namespace {

constexpr const char* kFooter =
    "Routes: GET /health, GET /extract, POST /load (the mock I/O API), /echo (the body back), GET /stats (requests by "
    "route);\n"
    "GET, HEAD, PUT and DELETE of /BUCKET/KEY with Range, GET /BUCKET (ListObjectsV2), signed or not.\n"
    "POST /runs starts a run, as a workflow manager does: {\"run_id\": \"run-0\"}; GET /runs/ID and GET "
    "/runs?offset=0&limit=100\n"
    "({\"runs\": [...], \"total\": 1}) say its state (running, then success or failed), started and finished.\n"
    "gRPC: assay.mock.v1.Echo/Call gives the message back: text (string), payload (bytes, in JSON as base64); with "
    "server "
    "reflection.\n\n"
    "Byte i of a generated object: p = (crc32(\"BUCKET/KEY\") + i) mod 1048573; (p * 2654435761 >> 24) & 255.\n\n"
    "When it serves, one line comes on stdout: `listening http=ADDRESS:PORT grpc=ADDRESS:PORT` (--json: an object), "
    "and "
    "at the end\n"
    "what /stats says.\n\n"
    "Example:\n"
    "  assay-mock --listen 127.0.0.1:8001 --delay 2s --items 1000 --load serial\n"
    "  curl -s http://127.0.0.1:8001/extract\n\n"
    "Exit codes: 0 stopped by a signal, 2 bad usage, 1 anything else.";

struct Flags {
  std::string listen = "127.0.0.1:8001";
  std::string grpc_listen;
  std::string delay = "2s";
  uint32_t items = 1000;
  std::string load = "serial";
  uint32_t extracts_at_once = 40;
  std::string echo_delay = "0";
  std::string run_delay = "2s";
  std::string run_end = "success";
  std::string error_rate = "0%";
  int error_status = 503;
  std::string stall;
  std::string object_size = "64KiB";
  uint32_t objects = 0;
  std::string store_limit = "1GiB";
  uint64_t seed = 1;
  bool json = false;
  bool exit_with_parent = false;
};

absl::Status InFlag(const char* flag, const absl::Status& status) {
  return absl::InvalidArgumentError(fmt::format("{}: {}", flag, std::string(status.message())));
}

absl::StatusOr<MockSettings> Read(const Flags& flags) {
  MockSettings settings;
  for (const auto& [flag, address] : {std::pair{"--listen", &flags.listen}, {"--grpc-listen", &flags.grpc_listen}}) {
    if (address == &flags.grpc_listen && address->empty()) continue;
    if (const absl::Status good = CheckHostPort(*address, /*serves=*/true); !good.ok()) return InFlag(flag, good);
  }
  settings.http.listen = flags.listen;
  settings.grpc.listen = flags.grpc_listen;
  settings.http.items = flags.items;
  settings.http.serial_load = flags.load == "serial";
  settings.http.extracts_at_once = flags.extracts_at_once;
  settings.http.error_status = flags.error_status;
  settings.http.objects.objects = flags.objects;
  settings.faults.seed = flags.seed;
  for (const auto& [flag, text, value] :
       {std::tuple{"--delay", &flags.delay, &settings.http.delay_ns},
        std::tuple{"--run-delay", &flags.run_delay, &settings.http.runs.delay_ns},
        std::tuple{"--echo-delay", &flags.echo_delay, &settings.http.echo_delay_ns}}) {
    const auto parsed = ParseDurationNs(*text);
    if (!parsed.ok()) return InFlag(flag, parsed.status());
    *value = *parsed;
  }
  settings.http.runs.end = flags.run_end == "never"    ? Runs::End::kNever
                           : flags.run_end == "failed" ? Runs::End::kFailed
                                                       : Runs::End::kSuccess;
  settings.grpc.delay_ns = settings.http.echo_delay_ns;
  for (const auto& [flag, text, value] :
       {std::tuple{"--object-size", &flags.object_size, &settings.http.objects.object_size},
        std::tuple{"--store-limit", &flags.store_limit, &settings.http.objects.limit_bytes}}) {
    const auto parsed = ParseBytes(*text);
    if (!parsed.ok()) return InFlag(flag, parsed.status());
    // Sizes are signed in libevent, and the limit of a body is twice that of the store.
    if (*parsed > std::numeric_limits<int64_t>::max() / 4)
      return InFlag(flag, absl::InvalidArgumentError("is too large"));
    *value = *parsed;
  }
  const auto rate = ParseFraction(flags.error_rate);
  if (!rate.ok()) return InFlag("--error-rate", rate.status());
  settings.faults.error_rate = *rate;
  if (!flags.stall.empty()) {
    const auto stall = Stall::Parse(flags.stall);
    if (!stall.ok()) return InFlag("--stall", stall.status());
    settings.faults.stall = *stall;
  }
  return settings;
}

int Main(int argc, char** argv) {
  const pid_t parent = getppid();
  Flags flags;
  CLI::App app(
      "A target to fire at, for tests, calibration and demonstrations: the mock I/O API, an echo, objects with ranges, "
      "runs of workflows, and a gRPC echo.",
      "assay-mock");
  app.footer(kFooter);
  app.set_version_flag("--version", fmt::format("assay-mock {}", kVersion));
  app.add_option("--listen", flags.listen, "Where to serve HTTP; port 0 takes any free one")
      ->type_name("ADDRESS:PORT")
      ->capture_default_str();
  app.add_option("--grpc-listen", flags.grpc_listen,
                 "Where to serve gRPC; port 0 takes any free one (default: nowhere)")
      ->type_name("ADDRESS:PORT");
  app.add_option("--delay", flags.delay, "How long /extract and /load take")
      ->type_name("DURATION")
      ->capture_default_str();
  app.add_option("--items", flags.items, "Items that /extract gives")
      ->type_name("N")
      ->check(CLI::Range(0U, 10'000'000U).description(""))
      ->capture_default_str();
  app.add_option(
         "--load", flags.load,
         "serial: while a /load takes its time nothing else is answered, as by a server that sleeps on its event "
         "loop; parallel: they wait side by side")
      ->type_name("MODE")
      ->check(CLI::IsMember({"serial", "parallel"}).description(""))
      ->capture_default_str();
  app.add_option("--extracts-at-once", flags.extracts_at_once, "Of /extract, as of a pool of threads; 0: no bound")
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--echo-delay", flags.echo_delay, "How long /echo, /runs, objects and the gRPC echo take")
      ->type_name("DURATION")
      ->capture_default_str();
  app.add_option("--run-delay", flags.run_delay, "How long a run takes that POST /runs has started")
      ->type_name("DURATION")
      ->capture_default_str();
  app.add_option("--run-end", flags.run_end, "How runs end: success, failed, or never")
      ->type_name("HOW")
      ->check(CLI::IsMember({"success", "failed", "never"}).description(""))
      ->capture_default_str();
  app.add_option("--error-rate", flags.error_rate,
                 "So many of the requests are refused at once, but for /health and /stats; gRPC: UNAVAILABLE")
      ->type_name("PERCENTAGE")
      ->capture_default_str();
  app.add_option("--error-status", flags.error_status, "The HTTP status of a refusal")
      ->type_name("STATUS")
      ->check(CLI::Range(400, 599).description(""))
      ->capture_default_str();
  app.add_option("--stall", flags.stall, "'1s every 10s': of each 10 s nothing is answered in the last one")
      ->type_name("STALL");
  app.add_option("--object-size", flags.object_size, "Of objects that were not put")
      ->type_name("SIZE")
      ->capture_default_str();
  app.add_option("--objects", flags.objects,
                 "Bucket `bench` has the keys 0 to N-1, and no other exists that was not put; 0: every key exists")
      ->type_name("N")
      ->check(CLI::Range(0U, 10'000'000U).description(""))
      ->capture_default_str();
  app.add_option("--store-limit", flags.store_limit, "Memory for objects that are put")
      ->type_name("SIZE")
      ->capture_default_str();
  app.add_option("--seed", flags.seed, "Which requests are refused follows from it")
      ->type_name("N")
      ->capture_default_str();
  app.add_flag("--json", flags.json, "The line that says where it listens as JSON");
  app.add_flag("--exit-with-parent", flags.exit_with_parent, "Stop when the process that started this one ends");
  if (const auto exit_code = ParseCommandLine(app, argc, argv)) return *exit_code;
  const absl::StatusOr<MockSettings> settings = Read(flags);
  if (!settings.ok()) return BadUsage(app.get_name(), std::string(settings.status().message()));
  if (flags.exit_with_parent && !EndWithParent(parent)) return 0;
  signal(SIGPIPE, SIG_IGN);
  RaiseOpenFiles();
  return ServeMock(*settings, flags.json);
}

}  // namespace
}  // namespace assay

int main(int argc, char** argv) {
  assay::EndInWordsWithoutRoomForThreads("assay-mock");
  return assay::Main(argc, argv);
}
