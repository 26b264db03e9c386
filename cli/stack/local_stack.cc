#include "cli/stack/local_stack.h"

#include <absl/strings/match.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>
#include <utility>

#include "cli/control_client.h"
#include "cli/stack/data_dir.h"
#include "cli/stack/local_agents.h"
#include "cli/stack/program_path.h"
#include "common/clock.h"
#include "common/lock_file.h"
#include "storage/migrator.h"

namespace assay {
namespace {

constexpr int64_t kStartPatienceNs = 60'000'000'000;
constexpr int64_t kStopPatienceNs = 10'000'000'000;
constexpr int64_t kQuitPatienceNs = 5'000'000'000;
constexpr int64_t kOrphanPatienceNs = 30'000'000'000;
constexpr std::chrono::milliseconds kLookEvery(20);

std::string FirstLine(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

// An agent whose Assay was killed still tries to deliver for a while. We hold the data directory, so its spool is ours:
// it is told to stop now, and what it could not deliver the next agent on that spool does.
absl::Status EndOrphan(const std::string& spool) {
  const std::string lock = spool + "/lock";
  const int64_t deadline_ns = MonotonicNs() + kOrphanPatienceNs;
  pid_t told = 0;
  while (IsLocked(lock)) {
    const pid_t pid = std::atoi(FirstLine(lock).c_str());
    if (pid > 0 && pid != told && FirstLine(fmt::format("/proc/{}/comm", pid)) == "assay-agent") {
      told = pid;
      kill(pid, SIGTERM);
    }
    if (MonotonicNs() > deadline_ns) {
      return absl::FailedPreconditionError(
          fmt::format("an earlier agent (process {}) still uses {}; end it with kill -KILL {}", pid, spool, pid));
    }
    std::this_thread::sleep_for(kLookEvery);
  }
  return absl::OkStatus();
}

// The coordinator would say it too, but of a database at a socket that no user of local mode knows.
absl::Status CheckResults(const std::string& data_dir, const std::string& url) {
  Connection connection(url, "assay");
  const absl::StatusOr<bool> usable = HasSchema(connection);
  if (!absl::IsFailedPrecondition(usable.status())) return usable.status();
  return absl::FailedPreconditionError(
      fmt::format("the results in {} were made by another version of Assay; choose another directory with --data "
                  "OTHER_DIR, or use that version's programs: {}",
                  data_dir, std::string(usable.status().message())));
}

// Hooks call `assay target up`: they must find this program, and write where this stack reads.
void LeadHooksHere(const std::string& data_dir) {
  setenv("ASSAY_DATA", data_dir.c_str(), 1);
  const std::string here = std::filesystem::path(OwnPath()).parent_path().string();
  const char* const given = std::getenv("PATH");
  const std::string path = given == nullptr ? "/usr/local/bin:/usr/bin:/bin" : given;
  // Where it is there already, its place is the user's choice.
  if (!absl::StrContains(":" + path + ":", ":" + here + ":")) setenv("PATH", (here + ":" + path).c_str(), 1);
}

}  // namespace

absl::StatusOr<std::unique_ptr<LocalStack>> LocalStack::Start(const LocalStackOptions& options) {
  absl::StatusOr<StackLock> lock = StackLock::Take(options.data_dir);
  if (!lock.ok()) return lock.status();
  if (const absl::Status made = MakeDirectories(options.data_dir + "/log"); !made.ok()) return made;
  LeadHooksHere(options.data_dir);
  std::unique_ptr<LocalStack> stack(new LocalStack(std::move(*lock)));
  stack->facts_.pid = getpid();
  stack->facts_.kept = options.kept;
  stack->facts_.agents = options.agents;
  if (const absl::Status started = stack->StartServer(options); !started.ok()) return started;
  if (const absl::Status started = stack->StartCoordinator(options); !started.ok()) return started;
  if (const absl::Status started = stack->StartAgents(options); !started.ok()) return started;
  if (const absl::Status announced = stack->lock_.Announce(stack->facts_); !announced.ok()) return announced;
  return stack;
}

LocalStack::~LocalStack() {
  // Even in a hurry an agent gets the time to kill its triggers: they are in process groups of their own, which only it
  // knows.
  for (const Member& agent : agents_) hurry_ ? agent.program->Quit() : agent.program->Terminate();
  for (const Member& agent : agents_) agent.program->Stop(hurry_ ? kQuitPatienceNs : kStopPatienceNs);
  if (coordinator_.program) coordinator_.program->Stop(hurry_ ? 0 : kStopPatienceNs);
}

absl::Status LocalStack::StartServer(const LocalStackOptions& options) {
  absl::StatusOr<std::unique_ptr<PrivateServer>> server = PrivateServer::Start(options.data_dir);
  if (!server.ok()) return server.status();
  server_ = std::move(*server);
  facts_.url = server_->url();
  return CheckResults(options.data_dir, facts_.url);
}

absl::Status LocalStack::StartCoordinator(const LocalStackOptions& options) {
  const absl::StatusOr<std::string> program = FindProgram("assay-coordinator");
  if (!program.ok()) return program.status();
  const std::string announce = options.data_dir + "/coordinator.address";
  std::error_code ignored;
  std::filesystem::remove(announce, ignored);
  absl::StatusOr<std::unique_ptr<ChildProgram>> child =
      ChildProgram::Start("the coordinator",
                          {*program, "--database", server_->url(), "--listen", options.listen, "--announce", announce,
                           "--secrets", options.data_dir + "/secrets", "--exit-with-parent"},
                          options.data_dir + "/log/coordinator.log");
  if (!child.ok()) return child.status();
  coordinator_.program = std::move(*child);
  const int64_t deadline_ns = MonotonicNs() + kStartPatienceNs;
  while (facts_.coordinator.empty()) {
    if (!coordinator_.program->running()) return absl::InternalError(coordinator_.program->Obituary());
    if (MonotonicNs() > deadline_ns) {
      return absl::DeadlineExceededError(
          fmt::format("the coordinator does not serve after {} s; see {}/log/coordinator.log",
                      kStartPatienceNs / 1'000'000'000, options.data_dir));
    }
    facts_.coordinator = FirstLine(announce);
    if (facts_.coordinator.empty()) std::this_thread::sleep_for(kLookEvery);
  }
  return absl::OkStatus();
}

absl::Status LocalStack::StartAgents(const LocalStackOptions& options) {
  if (options.agents == 0) return absl::OkStatus();
  const absl::StatusOr<std::string> program = FindProgram("assay-agent");
  if (!program.ok()) return program.status();
  for (uint32_t n = 1; n <= options.agents; ++n) {
    const std::string name = fmt::format("local-{}", n);
    const std::string spool = fmt::format("{}/spool/{}", options.data_dir, name);
    if (absl::Status made = MakeDirectories(spool); !made.ok()) return made;
    if (absl::Status ended = EndOrphan(spool); !ended.ok()) return ended;
    std::vector<std::string> argv = {*program, "--coordinator", facts_.coordinator, "--name", name};
    for (const auto& [key, value] : LocalLabels(n))
      argv.insert(argv.end(), {"--label", fmt::format("{}={}", key, value)});
    argv.insert(argv.end(), {"--spool", spool, "--secrets", options.data_dir + "/secrets", "--exit-with-parent"});
    if (!server_->cgroup().empty()) argv.insert(argv.end(), {"--cgroup", "postgres=" + server_->cgroup()});
    absl::StatusOr<std::unique_ptr<ChildProgram>> child =
        ChildProgram::Start("agent " + name, std::move(argv), fmt::format("{}/log/{}.log", options.data_dir, name));
    if (!child.ok()) return child.status();
    agents_.push_back({std::move(*child), false});
  }
  return AwaitAgents();
}

// A sweep that began before the last agent is connected would use fewer agents than the user asked for.
absl::Status LocalStack::AwaitAgents() {
  ControlClient client(facts_.coordinator);
  const int64_t deadline_ns = MonotonicNs() + kStartPatienceNs;
  while (true) {
    const absl::StatusOr<v1::ListAgentsReply> reply = client.ListAgents();
    if (!coordinator_.program->running()) return absl::InternalError(coordinator_.program->Obituary());
    for (const Member& agent : agents_) {
      if (!agent.program->running()) return absl::InternalError(agent.program->Obituary());
    }
    size_t connected = 0;
    if (reply.ok()) {
      for (const v1::AgentInfo& agent : reply->agents()) connected += agent.state() == "connected" ? 1 : 0;
    }
    if (connected >= agents_.size()) return absl::OkStatus();
    if (MonotonicNs() > deadline_ns) {
      return absl::DeadlineExceededError(
          fmt::format("only {} of {} agents are connected after {} s; see their logs beside the data", connected,
                      agents_.size(), kStartPatienceNs / 1'000'000'000));
    }
    std::this_thread::sleep_for(kLookEvery);
  }
}

std::vector<std::string> LocalStack::TakeDeaths() {
  std::vector<std::string> deaths;
  const auto look = [&](Member& member) {
    if (!member.program || member.reported || member.program->running()) return;
    member.reported = true;
    deaths.push_back(member.program->Obituary());
  };
  if (!server_->running() && !std::exchange(server_reported_, true)) deaths.push_back(server_->Obituary());
  look(coordinator_);
  for (Member& agent : agents_) look(agent);
  return deaths;
}

bool LocalStack::broken() {
  if (!coordinator_.program->running() || !server_->running()) return true;
  return !agents_.empty() &&
         std::none_of(agents_.begin(), agents_.end(), [](const Member& agent) { return agent.program->running(); });
}

}  // namespace assay
