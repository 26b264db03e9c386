#include "agent/links/control_link.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <future>
#include <map>
#include <mutex>
#include <set>
#include <string_view>
#include <thread>
#include <utility>

#include "agent/links/backoff.h"
#include "agent/links/notice.h"
#include "agent/loop/work_threads.h"
#include "assay/v1/agent.grpc.pb.h"
#include "common/clock.h"
#include "common/nanoseconds.h"
#include "common/rpc.h"
#include "common/units.h"

namespace assay {
namespace {

using ControlStream = grpc::ClientReaderWriter<v1::Report, v1::Desired>;
constexpr int64_t kFirstIntervalMs = 500;
constexpr int64_t kMinIntervalMs = 5;
constexpr int64_t kMaxIntervalMs = 60'000;
// Quick exchanges for a good estimate of the clock: the shortest round trip of some is near the network's best.
constexpr int kBurst = 8;
constexpr int64_t kBurstIntervalMs = 4;
constexpr size_t kMaxUnanswered = 256;
constexpr auto kConnect = std::chrono::milliseconds(1000);
constexpr auto kLookForStop = std::chrono::milliseconds(100);

}  // namespace

struct ControlLink::State {
  State(std::shared_ptr<grpc::Channel> to, Options how, Callbacks whom)
      : channel(std::move(to)), options(std::move(how)), callbacks(std::move(whom)), thread([this] { Run(); }) {}

  void Run();
  void Connect();
  void AwaitChannel();
  void Report(ControlStream& stream);
  bool WriteReport(ControlStream& stream, uint64_t report_id);
  void Read(ControlStream& stream);
  bool Take(v1::Desired&& desired, int64_t answered_ns);
  bool TakeWelcome(const v1::Welcome& welcome);
  void Refused(const std::string& reason);
  void Waiting(const std::string& reason);  // under mutex
  void Break();

  const std::shared_ptr<grpc::Channel> channel;
  const Options options;
  const Callbacks callbacks;

  mutable std::mutex mutex;
  std::condition_variable changed;
  bool stop = false;
  bool report_now = false;
  int64_t interval_ms = kFirstIntervalMs;
  int burst = 0;
  ClockOffset clock;
  int64_t term = 0;
  int64_t lease_ttl_ns = 0;
  std::set<int64_t> preparing;  // runs whose PREPARE was seen: each is worth one burst
  bool ever_welcomed = false;
  bool ever_refused = false;
  // Of the present connection:
  grpc::ClientContext* context = nullptr;
  bool broken = false;
  bool refused = false;
  bool welcomed = false;
  int64_t heard_ns = 0;
  std::map<uint64_t, int64_t> sent_ns;  // of reports not yet answered

  Notice notice;  // under mutex
  Backoff backoff;
  // Made once and not for each connection: triggers may have taken all room for threads by then.
  WorkThreads reader{{.name = "assay-control"}};
  std::thread thread;
};

void ControlLink::State::Run() {
  std::unique_lock lock(mutex);
  while (!stop) {
    lock.unlock();
    Connect();
    lock.lock();
    if (welcomed) backoff.Reset();
    const auto wait = refused ? std::chrono::milliseconds(options.refused_retry_ms) : backoff.Next();
    changed.wait_for(lock, wait, [&] { return stop; });
  }
}

void ControlLink::State::Connect() {
  grpc::ClientContext call;
  {
    std::lock_guard lock(mutex);
    if (stop) return;
    context = &call;
    broken = refused = welcomed = false;
    burst = kBurst;
    heard_ns = MonotonicNs();
    sent_ns.clear();
  }
  AwaitChannel();
  const auto stub = v1::AgentService::NewStub(channel);
  const auto stream = stub->Control(&call);
  std::promise<void> read;
  reader.Post([&] {
    Read(*stream);
    read.set_value();
  });
  Report(*stream);
  call.TryCancel();
  read.get_future().wait();
  const grpc::Status status = stream->Finish();
  std::lock_guard lock(mutex);
  context = nullptr;
  if (!stop && !refused) Waiting(ShortReason(status));
}

// A call to a channel that is not connected fails at once, and then nothing looks at the connection that the channel
// has begun: it is noticed when gRPC's own poller comes by, up to 5 s later. So wait here while it is made. Whatever
// comes of it, the call that follows tells.
void ControlLink::State::AwaitChannel() {
  // The channel waits between its tries as this link does between its own: one of them is enough.
  grpc::experimental::ChannelResetConnectionBackoff(channel.get());
  const auto deadline = std::chrono::system_clock::now() + kConnect;
  while (!channel->WaitForConnected(std::min(deadline, std::chrono::system_clock::now() + kLookForStop))) {
    const std::lock_guard lock(mutex);
    if (stop || std::chrono::system_clock::now() >= deadline) return;
  }
}

void ControlLink::State::Report(ControlStream& stream) {
  for (uint64_t report_id = 1; WriteReport(stream, report_id); ++report_id) {
    std::unique_lock lock(mutex);
    const bool quick = burst > 0;
    if (quick) --burst;
    const auto wait = std::chrono::milliseconds(quick ? kBurstIntervalMs : interval_ms);
    changed.wait_for(lock, wait, [&] { return stop || broken || report_now || (!quick && burst > 0); });
    report_now = false;
    if (stop || broken) return;
    const int64_t patience_ns = std::max(options.silence_ns, 2 * interval_ms * kMs);
    if (MonotonicNs() - heard_ns > patience_ns)
      Waiting(fmt::format("connected, but no answer for more than {}", FormatDuration(patience_ns)));
  }
}

bool ControlLink::State::WriteReport(ControlStream& stream, uint64_t report_id) {
  v1::Report report;
  callbacks.fill(report);
  if (report_id == 1) *report.mutable_hello() = options.hello;
  report.set_report_id(report_id);
  {
    std::lock_guard lock(mutex);
    // The lease and the clock count from here: what delays the message after this only makes both more cautious.
    const int64_t now_ns = MonotonicNs();
    // Before the welcome it is not known whether this is still the coordinator whose clock was estimated.
    if (const auto estimate = clock.At(now_ns); welcomed && estimate) {
      report.mutable_clock()->set_offset_ns(estimate->offset_ns);
      report.mutable_clock()->set_bound_ns(estimate->bound_ns);
    }
    report.set_sent_ns(now_ns);
    report.set_wall_ns(now_ns + WallAheadNs());
    sent_ns[report_id] = now_ns;
    if (sent_ns.size() > kMaxUnanswered) sent_ns.erase(sent_ns.begin());
  }
  return stream.Write(report);
}

void ControlLink::State::Read(ControlStream& stream) {
  v1::Desired desired;
  bool good = true;
  while (stream.Read(&desired)) {
    const int64_t answered_ns = MonotonicNs();
    // To the end of the stream in any case: gRPC wants it read.
    if (good && !Take(std::move(desired), answered_ns)) {
      good = false;
      Break();
    }
    desired.Clear();
  }
  Break();
}

bool ControlLink::State::Take(v1::Desired&& desired, int64_t answered_ns) {
  if (!desired.refusal().empty()) {
    Refused(desired.refusal());
    return false;
  }
  if (desired.has_welcome() && !TakeWelcome(desired.welcome())) return false;
  int64_t trust_until_ns = 0;
  std::optional<ClockOffset::Estimate> estimate;
  {
    std::lock_guard lock(mutex);
    heard_ns = answered_ns;
    // Without a welcome it is not known whose shares these would be.
    if (!welcomed) return true;
    if (const auto sent = sent_ns.find(desired.report_id()); sent != sent_ns.end()) {
      clock.Add(sent->second, desired.received_ns(), desired.sent_ns(), answered_ns);
      trust_until_ns = sent->second + lease_ttl_ns - lease_ttl_ns / 10;
      sent_ns.erase(sent_ns.begin(), std::next(sent));
    }
    if (desired.report_every_ms() > 0) {
      interval_ms = std::clamp<int64_t>(desired.report_every_ms(), kMinIntervalMs, kMaxIntervalMs);
    }
    std::set<int64_t> now_preparing;
    for (const v1::DesiredShare& share : desired.shares()) {
      if (share.phase() == v1::PREPARE) now_preparing.insert(share.run_id());
    }
    if (!std::includes(preparing.begin(), preparing.end(), now_preparing.begin(), now_preparing.end())) {
      burst = kBurst;
      changed.notify_all();
    }
    preparing = std::move(now_preparing);
    estimate = clock.At(answered_ns);
  }
  callbacks.desired(std::move(desired), estimate, trust_until_ns);
  return true;
}

bool ControlLink::State::TakeWelcome(const v1::Welcome& welcome) {
  const absl::Status status = callbacks.welcome(welcome);
  std::lock_guard lock(mutex);
  if (!status.ok()) {
    refused = true;  // come back slowly
    if (notice.Due(std::string(status.message()), MonotonicNs())) spdlog::error("{}", std::string(status.message()));
    return false;
  }
  if (welcome.term() != term) clock.Reset();
  term = welcome.term();
  lease_ttl_ns = int64_t{welcome.lease_ttl_ms()} * kMs;
  welcomed = true;
  notice.Clear();
  spdlog::info("{} to the coordinator at {} (database {}, term {})", ever_welcomed ? "connected again" : "connected",
               options.coordinator, welcome.cluster_id(), welcome.term());
  ever_welcomed = true;
  return true;
}

void ControlLink::State::Refused(const std::string& reason) {
  bool first = false;
  {
    std::lock_guard lock(mutex);
    refused = true;
    first = !ever_welcomed && !ever_refused;
    ever_refused = true;
    if (notice.Due(reason, MonotonicNs())) {
      spdlog::error("the coordinator at {} refuses this agent: {}; trying again every {}", options.coordinator, reason,
                    FormatDuration(options.refused_retry_ms * kMs));
    }
  }
  if (first) callbacks.refused_at_first(reason);
}

void ControlLink::State::Waiting(const std::string& reason) {
  if (notice.Due("waiting", MonotonicNs()))
    spdlog::warn("waiting for the coordinator at {} ({})", options.coordinator, reason);
}

void ControlLink::State::Break() {
  {
    std::lock_guard lock(mutex);
    broken = true;
    if (context != nullptr) context->TryCancel();
  }
  changed.notify_all();
}

ControlLink::ControlLink(std::shared_ptr<grpc::Channel> channel, Options options, Callbacks callbacks)
    : state_(std::make_unique<State>(std::move(channel), std::move(options), std::move(callbacks))) {}

ControlLink::~ControlLink() { Stop(); }

void ControlLink::ReportNow() {
  {
    std::lock_guard lock(state_->mutex);
    state_->report_now = true;
  }
  state_->changed.notify_all();
}

void ControlLink::Stop() {
  {
    std::lock_guard lock(state_->mutex);
    state_->stop = true;
  }
  state_->Break();
  if (state_->thread.joinable()) state_->thread.join();
}

bool ControlLink::connected() const {
  std::lock_guard lock(state_->mutex);
  return state_->welcomed && !state_->broken;
}

}  // namespace assay
