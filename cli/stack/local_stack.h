#ifndef ASSAY_CLI_STACK_LOCAL_STACK_H_
#define ASSAY_CLI_STACK_LOCAL_STACK_H_

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/stack/child_program.h"
#include "cli/stack/stack_file.h"
#include "storage/private_server.h"

namespace assay {

struct LocalStackOptions {
  std::string data_dir;
  uint32_t agents = 2;                 // 0: only to read and export
  std::string listen = "127.0.0.1:0";  // the coordinator's
  bool kept = false;                   // by `assay up`
};

// Local mode: the private server, a coordinator and agents on loopback, all on one data directory. Nothing but the
// programs that run on several hosts too. Start it from the main thread: the processes end with the thread that made
// them, so that nothing stays behind when this process is killed.
//
// The agents' labels: cli/local_agents.h. All know the server's cgroup as @postgres.
class LocalStack {
 public:
  // Serves, and all agents are connected, when it returns. Errors are the server's, or name the program that failed
  // with its log's end.
  static absl::StatusOr<std::unique_ptr<LocalStack>> Start(const LocalStackOptions& options);
  // Agents first (they deliver what they hold), then the coordinator, then the server.
  ~LocalStack();

  const std::string& coordinator() const { return facts_.coordinator; }
  const std::string& url() const { return facts_.url; }

  // Obituaries of the programs that have died since the last call.
  std::vector<std::string> TakeDeaths();
  // Nothing more can happen: the database, the coordinator, or the last agent is gone.
  bool broken();
  // The destructor will not wait for results, only for the agents to kill what they have in flight.
  void Hurry() { hurry_ = true; }

 private:
  explicit LocalStack(StackLock lock) : lock_(std::move(lock)) {}
  absl::Status StartServer(const LocalStackOptions& options);
  absl::Status StartCoordinator(const LocalStackOptions& options);
  absl::Status StartAgents(const LocalStackOptions& options);
  absl::Status AwaitAgents();

  struct Member {
    std::unique_ptr<ChildProgram> program;
    bool reported = false;  // its death
  };

  StackLock lock_;  // let go last
  StackFacts facts_;
  std::unique_ptr<PrivateServer> server_;
  bool server_reported_ = false;  // its death
  Member coordinator_;
  std::vector<Member> agents_;
  bool hurry_ = false;
};

}  // namespace assay

#endif  // ASSAY_CLI_STACK_LOCAL_STACK_H_
