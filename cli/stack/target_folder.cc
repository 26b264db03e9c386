#include "cli/stack/target_folder.h"

#include <fmt/format.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "cli/stack/program_path.h"
#include "common/lock_file.h"
#include "common/whole_file.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

constexpr char kHere[] = "scenarios/targets";
constexpr int kStartField = 20;  // of /proc/PID/stat, from the state on: field 22 of all

bool IsProgram(const fs::path& path) { return fs::is_regular_file(path) && access(path.c_str(), X_OK) == 0; }

// A pid is used again sooner or later; the instant of its start is not.
bool Runs(pid_t pid, uint64_t started_ticks) {
  const std::string text = ReadWhole(fmt::format("/proc/{}/stat", pid));
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return false;
  std::istringstream fields(text.substr(name_end + 1));
  std::string field;
  fields >> field;
  if (field == "Z" || field == "X") return false;
  for (int number = 1; number < kStartField; ++number) fields >> field;
  return std::strtoull(field.c_str(), nullptr, 10) == started_ticks;
}

}  // namespace

absl::StatusOr<std::string> FindTargets(const std::string& flag) {
  std::error_code error;
  if (!flag.empty()) {
    if (fs::is_directory(flag, error)) return fs::absolute(flag, error).lexically_normal().string();
    return absl::InvalidArgumentError(fmt::format("--targets {}: there is no such folder", flag));
  }
  for (fs::path above = fs::path(OwnPath()).parent_path(); above.has_relative_path(); above = above.parent_path()) {
    for (const fs::path& place : {above / kHere, above / "share/assay" / kHere}) {
      if (fs::is_directory(place, error)) return place.string();
    }
  }
  return absl::NotFoundError(fmt::format(
      "cannot find the targets: no {} above {}; name a folder of targets with --targets DIR", kHere, OwnPath()));
}

std::vector<std::string> TargetNames(const std::string& targets) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(targets, error)) {
    if (IsProgram(entry.path() / "up") && IsProgram(entry.path() / "down"))
      names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string_view TargetState::Word() const {
  if (busy) return "busy";
  if (made) return dead.empty() ? "up" : "broken";
  return packages_kept ? "packages" : "down";
}

std::string TargetHome(const std::string& data_dir, const std::string& name) {
  return fmt::format("{}/targets/{}", data_dir, name);
}

TargetState LookAtTarget(const std::string& data_dir, const std::string& name) {
  const std::string home = TargetHome(data_dir, name);
  TargetState state;
  state.name = name;
  state.busy = IsLocked(home + "/lock");  // by scenarios/targets/assay_target/home.py
  state.packages_kept = access((home + "/venv/complete").c_str(), F_OK) == 0;
  google::protobuf::Struct object;
  if (!google::protobuf::util::JsonStringToMessage(ReadWhole(home + "/state.json"), &object).ok()) return state;
  auto& fields = *object.mutable_fields();
  // An `up` that is not through, or was killed, has none.
  state.made = fields["up_since"].has_number_value();
  if (!state.made) return state;
  state.version = fields["version"].string_value();
  for (const auto& [port, number] : fields["ports"].struct_value().fields())
    state.ports.emplace_back(port, static_cast<uint32_t>(number.number_value()));
  for (const auto& [process, facts] : fields["processes"].struct_value().fields()) {
    google::protobuf::Struct numbers = facts.struct_value();
    const auto pid = static_cast<pid_t>((*numbers.mutable_fields())["pid"].number_value());
    const auto started_ticks = static_cast<uint64_t>((*numbers.mutable_fields())["started"].number_value());
    state.processes.emplace_back(process, pid);
    if (!Runs(pid, started_ticks)) state.dead.push_back(process);
  }
  // Protobuf's maps have no order.
  std::sort(state.ports.begin(), state.ports.end());
  std::sort(state.processes.begin(), state.processes.end());
  std::sort(state.dead.begin(), state.dead.end());
  return state;
}

}  // namespace assay
