#include "cli/stack/stack_file.h"

#include <fmt/format.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "cli/json_line.h"
#include "cli/stack/data_dir.h"
#include "common/lock_file.h"
#include "common/whole_file.h"

namespace assay {
namespace {

std::string FactsPath(const std::string& data_dir) { return data_dir + "/stack.json"; }
std::string LockPath(const std::string& data_dir) { return data_dir + "/stack.lock"; }

}  // namespace

std::string StackJson(const StackFacts& facts) {
  return fmt::format("{{\"pid\": {}, \"coordinator\": {}, \"url\": {}, \"agents\": {}, \"kept\": {}}}\n", facts.pid,
                     JsonString(facts.coordinator), JsonString(facts.url), facts.agents, facts.kept);
}

absl::StatusOr<StackFacts> ParseStackJson(const std::string& json) {
  google::protobuf::Struct object;
  if (!google::protobuf::util::JsonStringToMessage(json, &object).ok()) return absl::DataLossError("not JSON");
  const auto& fields = object.fields();
  const auto field = [&](const char* name) {
    const auto found = fields.find(name);
    return found == fields.end() ? google::protobuf::Value() : found->second;
  };
  StackFacts facts;
  facts.pid = static_cast<pid_t>(field("pid").number_value());
  facts.coordinator = field("coordinator").string_value();
  facts.url = field("url").string_value();
  facts.agents = static_cast<uint32_t>(field("agents").number_value());
  facts.kept = field("kept").bool_value();
  if (facts.pid <= 0 || facts.url.empty()) return absl::DataLossError("pid or url is missing");
  return facts;
}

absl::StatusOr<StackLock> StackLock::Take(const std::string& data_dir) {
  if (const absl::Status made = MakeDirectories(data_dir); !made.ok()) return made;
  LockFile lock = TakeLock(LockPath(data_dir), 0644);
  if (lock.taken()) return StackLock(data_dir, std::move(lock.file));
  if (lock.error != EWOULDBLOCK)
    return absl::FailedPreconditionError(fmt::format("cannot write in {}: {}; choose another directory with --data DIR",
                                                     data_dir, std::strerror(lock.error)));
  const std::optional<StackFacts> holder = FindStack(data_dir);
  return absl::FailedPreconditionError(
      fmt::format("the data directory {} is in use by another assay{}; wait for it to end, or choose another directory "
                  "with --data DIR",
                  data_dir, holder ? fmt::format(" (process {})", holder->pid) : ""));
}

StackLock::~StackLock() {
  if (file_.ok()) unlink(FactsPath(data_dir_).c_str());
}

absl::Status StackLock::Announce(const StackFacts& facts) { return WriteWhole(FactsPath(data_dir_), StackJson(facts)); }

bool IsStackLocked(const std::string& data_dir) { return IsLocked(LockPath(data_dir)); }

std::optional<StackFacts> FindStack(const std::string& data_dir) {
  if (!IsStackLocked(data_dir)) return std::nullopt;
  const absl::StatusOr<StackFacts> facts = ParseStackJson(ReadWhole(FactsPath(data_dir)));
  if (!facts.ok()) return std::nullopt;
  return *facts;
}

}  // namespace assay
