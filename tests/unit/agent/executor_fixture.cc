#include "executor_fixture.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <set>
#include <utility>

namespace assay {
namespace {

// Waits between looks at a condition that has no event of its own.
constexpr auto kLook = std::chrono::milliseconds(2);

}  // namespace

void ListSink::Append(v1::Batch&& batch) {
  const std::lock_guard lock(mutex_);
  Written& written = written_[batch.run_id()];
  EXPECT_FALSE(written.end) << "a batch after the share's end";
  if (keeps_triggers) {
    written.batch_sizes.push_back(
        static_cast<size_t>(batch.triggers_size() + batch.cgroup_samples_size() + batch.host_samples_size()));
  }
  for (auto& record : *batch.mutable_triggers()) {
    ++outcomes_[record.outcome()];
    if (keeps_triggers) written.triggers.push_back(std::move(record));
  }
  if (batch.collections_size() > 0) written.collected.push_back(batch);
  for (auto& task : *batch.mutable_tasks()) written.tasks.push_back(std::move(task));
  for (auto& sample : *batch.mutable_cgroup_samples()) written.cgroups.push_back(std::move(sample));
  for (auto& sample : *batch.mutable_host_samples()) written.hosts.push_back(std::move(sample));
  if (batch.has_share_start()) written.start = batch.share_start();
  if (batch.has_share_end()) written.end = batch.share_end();
  if (full_after >= 0 && written.triggers.size() >= static_cast<size_t>(full_after)) {
    full = true;
    full_after = -1;
  }
}

absl::Status ListSink::Flush() {
  return broken ? absl::ResourceExhaustedError("spool on /somewhere: disk full") : absl::OkStatus();
}

Written ListSink::Of(int64_t run_id) const {
  const std::lock_guard lock(mutex_);
  const auto found = written_.find(run_id);
  return found == written_.end() ? Written() : found->second;
}

std::map<v1::Outcome, uint64_t> ListSink::Outcomes() const {
  const std::lock_guard lock(mutex_);
  return outcomes_;
}

void ExecutorTest::SetUp() {
  thread_ = std::thread([this] { loop_.Run(); });
  Restart({.agent_name = "alpha", .sampler = {}, .max_processes = 0});
}

void ExecutorTest::TearDown() {
  OnLoop([this] { executor_.reset(); });
  loop_.Stop();
  thread_.join();
}

void ExecutorTest::Restart(const Executor::Options& options) {
  OnLoop([&] {
    executor_.reset();
    executor_ = std::make_unique<Executor>(loop_, sink_, options, [this] { ++changes_; });
  });
}

v1::DesiredShare& ExecutorTest::Want(const v1::ShareSpec& spec, v1::SharePhase phase) {
  v1::DesiredShare* share = nullptr;
  for (auto& s : *desired_.mutable_shares()) {
    if (s.run_id() == spec.run_id()) share = &s;
  }
  if (share == nullptr) share = desired_.add_shares();
  share->set_run_id(spec.run_id());
  *share->mutable_spec() = spec;
  share->set_phase(phase);
  return *share;
}

void ExecutorTest::Unlist(int64_t run_id) {
  auto& shares = *desired_.mutable_shares();
  shares.erase(std::remove_if(shares.begin(), shares.end(), [&](const auto& s) { return s.run_id() == run_id; }),
               shares.end());
}

void ExecutorTest::Exchange() {
  OnLoop([this] {
    executor_->TrustLeaseUntil(MonotonicNs() + lease_ns_);
    executor_->Reconcile(desired_, kClock);
  });
}

v1::Report ExecutorTest::Report() {
  return OnLoop([this] {
    v1::Report report;
    executor_->Fill(report);
    return report;
  });
}

std::optional<v1::ShareStatus> ExecutorTest::Status(int64_t run_id) {
  const v1::Report report = Report();
  std::optional<v1::ShareStatus> found;
  for (const v1::ShareStatus& status : report.shares()) {
    if (status.run_id() != run_id) continue;
    EXPECT_FALSE(found) << "reported twice";
    found = status;
  }
  return found;
}

v1::ShareStatus ExecutorTest::WaitFor(int64_t run_id, const std::function<bool(const v1::ShareStatus&)>& condition) {
  const int64_t deadline_ns = MonotonicNs() + kPatience;
  while (true) {
    const std::optional<v1::ShareStatus> status = Status(run_id);
    if (status && condition(*status)) return *status;
    if (MonotonicNs() > deadline_ns) {
      ADD_FAILURE() << "waited in vain; last status: " << (status ? status->ShortDebugString() : "none");
      return status.value_or(v1::ShareStatus());
    }
    std::this_thread::sleep_for(kLook);
  }
}

v1::ShareStatus ExecutorTest::WaitForPhase(int64_t run_id, v1::SharePhase phase) {
  return WaitFor(run_id, [&](const v1::ShareStatus& status) { return status.phase() == phase; });
}

v1::HookStatus ExecutorTest::WaitForHook(int64_t hook_id) {
  const int64_t deadline_ns = MonotonicNs() + kPatience;
  while (MonotonicNs() < deadline_ns) {
    const v1::Report report = Report();
    for (const v1::HookStatus& status : report.hooks()) {
      if (status.hook_id() == hook_id && status.done()) return status;
    }
    std::this_thread::sleep_for(kLook);
  }
  ADD_FAILURE() << "hook " << hook_id << " did not end";
  return {};
}

void ExecutorTest::Begin(const v1::ShareSpec& spec, int64_t in_ns) {
  Want(spec, v1::PREPARE);
  Exchange();
  WaitForPhase(spec.run_id(), v1::READY);
  Want(spec, v1::RUN).set_t0_ns(MonotonicNs() + in_ns + kClock.offset_ns);
  Exchange();
}

Written ExecutorTest::Finish(const v1::ShareSpec& spec, int64_t cooldown_ns) {
  Want(spec, v1::COOLDOWN).set_sample_until_ns(MonotonicNs() + cooldown_ns + kClock.offset_ns);
  Exchange();
  WaitForPhase(spec.run_id(), v1::ENDED);
  return sink_.Of(spec.run_id());
}

std::string ExecutorTest::Refusal(const v1::ShareSpec& spec) {
  Want(spec, v1::PREPARE);
  Exchange();
  return WaitForPhase(spec.run_id(), v1::REFUSED).error();
}

Written ExecutorTest::Execute(const v1::ShareSpec& spec) {
  Begin(spec);
  WaitForPhase(spec.run_id(), v1::FIRED);
  Written written = Finish(spec);
  ExpectSound(written, spec);
  return written;
}

v1::ShareSpec ExecutorTest::SleepSpec(int64_t run_id, uint64_t count, uint32_t slots, int64_t sleep_ns) {
  v1::ShareSpec spec;
  spec.set_run_id(run_id);
  spec.set_sweep_id(1);
  spec.set_block(2);
  spec.set_target("bare");
  spec.set_random_key(99);
  spec.set_count(count);
  spec.set_stride(1);
  spec.set_slots(slots);
  spec.mutable_trigger()->mutable_sleep()->mutable_length()->set_fixed_ns(sleep_ns);
  return spec;
}

v1::ShareSpec ExecutorTest::ExecSpec(int64_t run_id, uint64_t count, uint32_t slots,
                                     const std::vector<std::string>& argv) {
  v1::ShareSpec spec = SleepSpec(run_id, count, slots, 0);
  v1::ExecTrigger& exec = *spec.mutable_trigger()->mutable_exec();
  for (const std::string& argument : argv) exec.add_argv(argument);
  return spec;
}

void ExpectSound(const Written& written, const v1::ShareSpec& spec) {
  ASSERT_TRUE(written.start);
  ASSERT_TRUE(written.end);
  EXPECT_EQ(written.end->fired(), written.triggers.size());
  std::set<uint64_t> indices;
  int64_t first_dispatch_ns = std::numeric_limits<int64_t>::max();
  for (const v1::TriggerRecord& record : written.triggers) {
    SCOPED_TRACE(record.ShortDebugString());
    EXPECT_TRUE(indices.insert(record.index()).second) << "index written twice";
    EXPECT_EQ((record.index() - spec.first_index()) % spec.stride(), 0U);
    EXPECT_LE(0, record.intended_ns());
    EXPECT_LE(record.intended_ns(), record.dispatched_ns());
    EXPECT_LE(record.dispatched_ns(), record.started_ns());
    EXPECT_LE(record.started_ns(), record.finished_ns());
    EXPECT_EQ(record.outcome() == v1::OK, record.error().empty());
    first_dispatch_ns = std::min(first_dispatch_ns, record.dispatched_ns());
  }
  if (spec.count() > 0) EXPECT_LE(written.triggers.size(), spec.count());
  // Without gaps: what was not started is the tail of the range.
  if (!indices.empty()) {
    EXPECT_EQ(*indices.rbegin(), spec.first_index() + (indices.size() - 1) * spec.stride());
    EXPECT_EQ(written.end->first_dispatch_ns(), first_dispatch_ns);
  }
  for (const size_t size : written.batch_sizes) EXPECT_LE(size, 1000U);
}

size_t MostInFlight(const Written& written) {
  std::vector<std::pair<int64_t, int>> events;
  for (const v1::TriggerRecord& record : written.triggers) {
    events.emplace_back(record.started_ns(), 1);
    events.emplace_back(record.finished_ns(), -1);
  }
  std::sort(events.begin(), events.end());  // an end before a start of the same instant
  int now = 0;
  int most = 0;
  for (const auto& [at, change] : events) most = std::max(most, now += change);
  return static_cast<size_t>(most);
}

size_t OpenDescriptors() {
  size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
  return count;
}

uint64_t ResidentBytes() {
  uint64_t virtual_pages = 0;
  uint64_t resident_pages = 0;
  std::ifstream("/proc/self/statm") >> virtual_pages >> resident_pages;
  return resident_pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

size_t Children() {
  size_t count = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream children(task.path() / "children");
    for (int64_t pid = 0; children >> pid;) ++count;
  }
  return count;
}

}  // namespace assay
