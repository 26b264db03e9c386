#include "agent/agent.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <random>
#include <thread>

#include "agent/cgroups/cgroup_layout.h"
#include "agent/executor.h"
#include "agent/host_limits.h"
#include "agent/links/control_link.h"
#include "agent/links/results_link.h"
#include "agent/spool/spool.h"
#include "common/clock.h"
#include "common/counter_random.h"
#include "common/nanoseconds.h"
#include "common/protocol.h"
#include "common/rpc.h"
#include "common/units.h"

namespace assay {
namespace {

// Agents of two stacks on one host may have one name, as local-1; no two have one spool, and what an agent left behind
// is found by the next one that has its spool.
std::string CgroupName(const Agent::Options& options) {
  std::error_code ignored;
  const std::filesystem::path spool = std::filesystem::weakly_canonical(options.spool_directory, ignored);
  return fmt::format("{}-{:08x}", options.name, StableHash(spool.string()) >> 32);
}
constexpr int64_t kDeliverNs = 10'000 * kMs;
constexpr int64_t kLastReportNs = 500 * kMs;
constexpr int64_t kPollNs = 10 * kMs;

std::string NewIncarnation() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}", random(), random());
}

v1::Hello MakeHello(const Agent::Options& options, const std::string& incarnation) {
  v1::Hello hello;
  hello.set_protocol_version(kProtocolVersion);
  hello.set_name(options.name);
  hello.set_incarnation(incarnation);
  for (const auto& [key, value] : options.labels) {
    v1::Label* label = hello.add_labels();
    label->set_key(key);
    label->set_value(value);
  }
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  hello.set_host(host.data());
  hello.set_pid(getpid());
  hello.set_version(kVersion);
  const CgroupLayout layout = DetectCgroupLayout(options.sampler.cgroup_root);
  const HostLimits limits = HostLimits::Read(options.sampler.proc_root, layout);
  v1::Capacity* capacity = hello.mutable_capacity();
  capacity->set_cpus(std::max(1U, std::thread::hardware_concurrency()));
  capacity->set_memory_bytes(static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) *
                             static_cast<uint64_t>(sysconf(_SC_PAGESIZE)));
  capacity->set_max_processes(options.max_processes);
  capacity->set_max_open_files(static_cast<uint32_t>(std::min<uint64_t>(limits.open_files, UINT32_MAX)));
  hello.set_cgroup_layout(std::string(layout.Name()));
  return hello;
}

}  // namespace

struct Agent::State {
  State(EventLoop& on, Options how) : loop(on), options(std::move(how)) {}

  void Connect(const std::string& incarnation);
  void Fill(v1::Report& report);
  absl::Status Welcomed(const v1::Welcome& welcome);
  void Desired(v1::Desired&& desired, std::optional<ClockOffset::Estimate> clock, int64_t trust_lease_until_ns);
  void Stop(bool now);
  void Deliver(int64_t deadline_ns);
  void Finish();

  EventLoop& loop;
  const Options options;
  std::unique_ptr<Spool> spool;
  std::unique_ptr<Executor> executor;
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<ControlLink> control;
  std::unique_ptr<ResultsLink> results;  // from the first welcome on; made by the control link's reader

  // Loop's thread:
  bool stopping = false;
  bool stopping_now = false;
  bool finished = false;
  int exit_code = 0;
  int64_t ended_ns = 0;

  std::atomic<bool> leaving = false;
  std::atomic<bool> ended = false;              // leaving, and every share has ended
  std::atomic<bool> last_report_made = false;   // one that says so was made
  std::atomic<bool> last_report_heard = false;  // and answered

  // The reporter's thread waits for the loop to fill a report, but not for a loop that has stopped.
  std::mutex mutex;
  std::condition_variable filled;
  bool closed = false;
};

void Agent::State::Connect(const std::string& incarnation) {
  executor = std::make_unique<Executor>(loop, *spool,
                                        Executor::Options{.agent_name = options.name,
                                                          .cgroup_name = CgroupName(options),
                                                          .sampler = options.sampler,
                                                          .secrets_directory = options.secrets_directory,
                                                          .max_processes = options.max_processes,
                                                          .max_sockets = options.max_sockets,
                                                          .calibrate_ns = options.calibrate_ns,
                                                          .echo_argv = options.echo_argv},
                                        [this] {
                                          if (control != nullptr) control->ReportNow();
                                        });
  channel = MakeChannel(options.coordinator);
  ControlLink::Callbacks callbacks;
  callbacks.fill = [this](v1::Report& report) { Fill(report); };
  callbacks.welcome = [this](const v1::Welcome& welcome) { return Welcomed(welcome); };
  callbacks.desired = [this](v1::Desired&& desired, std::optional<ClockOffset::Estimate> clock,
                             int64_t trust_lease_until_ns) {
    Desired(std::move(desired), clock, trust_lease_until_ns);
  };
  callbacks.refused_at_first = [this](const std::string& reason) {
    // The contract carries the reason in words only; the two other refusals (a name in use, no name) do not hold these.
    if (reason.find("protocol version") == std::string::npos) return;
    loop.Post([this] {
      exit_code = 2;
      Stop(/*now=*/true);
    });
  };
  control = std::make_unique<ControlLink>(
      channel, ControlLink::Options{.coordinator = options.coordinator, .hello = MakeHello(options, incarnation)},
      std::move(callbacks));
}

void Agent::State::Fill(v1::Report& report) {
  struct Request {
    bool done = false;
    v1::Report report;
  };
  // Shared with the loop: if the wait ends because the agent closes, the task may still run later.
  const auto request = std::make_shared<Request>();
  loop.Post([this, request] {
    v1::Report held;
    executor->Fill(held);
    held.set_leaving(leaving);
    if (ended) last_report_made = true;
    std::lock_guard lock(mutex);
    request->report = std::move(held);
    request->done = true;
    filled.notify_all();
  });
  {
    std::unique_lock lock(mutex);
    filled.wait(lock, [&] { return request->done || closed; });
    if (request->done) report = std::move(request->report);
  }
  *report.mutable_spool() = spool->Status();
}

absl::Status Agent::State::Welcomed(const v1::Welcome& welcome) {
  absl::Status status = spool->UseCluster(welcome.cluster_id());
  if (absl::IsFailedPrecondition(status) && results != nullptr) {
    loop.Post([this] {
      exit_code = 1;
      Stop(/*now=*/true);
    });
    return absl::FailedPreconditionError(
        fmt::format("the coordinator at {} now serves another Assay database ({}): this agent ends its shares and "
                    "stops; what it has "
                    "measured stays in {}; start it again to work for the other database",
                    options.coordinator, welcome.cluster_id(), options.spool_directory));
  }
  if (!status.ok()) return status;
  if (results == nullptr) {
    results = std::make_unique<ResultsLink>(
        channel, *spool, ResultsLink::Options{.agent = options.name, .cluster_id = welcome.cluster_id()});
  }
  return absl::OkStatus();
}

void Agent::State::Desired(v1::Desired&& desired, std::optional<ClockOffset::Estimate> clock,
                           int64_t trust_lease_until_ns) {
  if (last_report_made && trust_lease_until_ns != 0) last_report_heard = true;
  loop.Post([this, desired = std::make_shared<v1::Desired>(std::move(desired)), clock, trust_lease_until_ns] {
    if (trust_lease_until_ns != 0) executor->TrustLeaseUntil(trust_lease_until_ns);
    executor->Reconcile(*desired, clock);
  });
}

void Agent::State::Stop(bool now) {
  if (finished || (stopping && !now) || stopping_now) return;
  stopping = true;
  stopping_now = now;
  leaving = true;
  if (ended && now) return Finish();
  if (!ended) {
    spdlog::info(now ? "stopping now: what is in flight is killed"
                     : "stopping: no more triggers are started; once more to stop now");
    executor->Stop(now, [this] {
      if (finished || ended.exchange(true)) return;
      control->ReportNow();
      ended_ns = MonotonicNs();
      if (stopping_now) return Finish();
      Deliver(ended_ns + kDeliverNs);
    });
  }
  control->ReportNow();
}

void Agent::State::Deliver(int64_t deadline_ns) {
  if (finished) return;
  const int64_t now_ns = MonotonicNs();
  const bool reported = last_report_heard || !control->connected() || now_ns - ended_ns >= kLastReportNs;
  if ((reported && spool->undelivered().batches == 0) || now_ns >= deadline_ns) return Finish();
  loop.At(now_ns + kPollNs, [this, deadline_ns] { Deliver(deadline_ns); });
}

void Agent::State::Finish() {
  finished = true;
  {
    std::lock_guard lock(mutex);
    closed = true;
  }
  filled.notify_all();
  control->Stop();
  if (results != nullptr) results->Stop();
  if (const Spool::Undelivered left = spool->undelivered(); left.batches > 0) {
    spdlog::warn(
        "{} batches ({}) are not delivered; they stay in {} and are sent when an agent is started with this spool",
        left.batches, FormatBytes(left.bytes), options.spool_directory);
  }
  loop.Stop();
}

absl::StatusOr<std::unique_ptr<Agent>> Agent::Start(EventLoop& loop, Options options) {
  const std::string incarnation = NewIncarnation();
  auto spool = Spool::Open(
      {.directory = options.spool_directory, .limit_bytes = options.spool_limit_bytes, .incarnation = incarnation});
  if (!spool.ok()) return spool.status();
  auto state = std::make_unique<State>(loop, std::move(options));
  state->spool = *std::move(spool);
  spdlog::info("agent '{}' (version {}, incarnation {}), coordinator {}, spool {}", state->options.name, kVersion,
               incarnation, state->options.coordinator, state->options.spool_directory);
  state->Connect(incarnation);
  return std::unique_ptr<Agent>(new Agent(std::move(state)));
}

Agent::Agent(std::unique_ptr<State> state) : state_(std::move(state)) {}

Agent::~Agent() {
  if (!state_->finished) state_->Finish();
  // The links are stopped: nothing calls back any more. Shares may still append while the executor goes.
  state_->executor.reset();
}

void Agent::Stop(bool now) { state_->Stop(now); }

int Agent::exit_code() const { return state_->exit_code; }

}  // namespace assay
