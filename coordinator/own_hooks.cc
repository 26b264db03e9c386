#include "coordinator/own_hooks.h"

#include <absl/status/statusor.h>
#include <fmt/format.h>

#include <chrono>
#include <thread>
#include <utility>

#include "collect/collect.h"
#include "common/bounded_output.h"
#include "common/built_in_names.h"
#include "common/clock.h"
#include "common/command.h"
#include "storage/collection_store.h"

namespace assay {
namespace {

constexpr auto kRetry = std::chrono::milliseconds(500);

BuiltInNames NamesOf(const PlacedHook& hook) { return {"coordinator", hook.row.run_id, hook.block, hook.target}; }

absl::Status WaitOut(const std::atomic<bool>& leaving, const std::function<absl::Status()>& ask) {
  absl::Status status = ask();
  while (MayPass(status) && !leaving) {
    std::this_thread::sleep_for(kRetry);
    status = ask();
  }
  return status;
}

}  // namespace

HookRow RunOwnCommand(PlacedHook hook, const Secrets& secrets, const std::atomic<bool>& stop) {
  HookRow row = hook.row;
  row.state = "failed";
  const absl::StatusOr<HiddenTexts> hidden = secrets.Fill(hook.spec);
  if (!hidden.ok()) {
    row.error = fmt::format("not run: coordinator: {}", std::string(hidden.status().message()));
    return row;
  }
  const BuiltInNames names = NamesOf(hook);
  SpawnRequest request;
  for (const std::string& word : hook.spec.argv()) request.argv.push_back(names.Expand(word));
  for (const auto& [key, value] : hook.spec.env())
    request.env.push_back(fmt::format("{}={}", key, names.Expand(value)));
  request.cwd = names.Expand(hook.spec.cwd());
  const absl::StatusOr<CommandResult> result = RunCommand(std::move(request), hook.spec.timeout_ns(), &stop);
  if (!result.ok()) {
    row.error = hidden->Hide(std::string(result.status().message()));
    return row;
  }
  row.exit_code = result->exit_code;
  row.output = hidden->Hide(result->output);
  row.elapsed_ns = result->elapsed_ns;
  if (result->ok()) {
    row.state = "ok";
  } else {
    row.error = WithLastLine(hidden->Hide(result->Describe()), row.output);
  }
  return row;
}

HookRow RunOwnCollector(const PlacedHook& hook, const OwnCollector& how) {
  const int64_t begun_ns = MonotonicNs();
  Connection connection(how.database_url, "assay-coordinator collector");
  connection.FenceWith(how.term);
  HookRow row = hook.row;
  CollectOrder order;
  order.hook_id = row.hook_id;
  order.collector = hook.spec.collector();
  order.names = NamesOf(hook);
  order.secrets = how.secrets;
  absl::Status status = WaitOut(how.leaving, [&] {
    absl::StatusOr<v1::RunWork> work = ReadRunWork(connection, row.run_id, AsksForRemoteIds(order.collector));
    if (!work.ok()) return work.status();
    order.work = *std::move(work);
    return absl::OkStatus();
  });
  if (status.ok()) {
    order.t0_unix_ns = order.work.t0_ns() + (WallNs() - SteadyWallNs());
    v1::Batch collected = Collect(std::move(order), how.stop, how.told);
    collected.set_run_id(row.run_id);
    status = WaitOut(how.leaving, [&] {
      return how.leaving ? absl::CancelledError("the coordinator is stopping") : StoreCollected(connection, collected);
    });
  }
  row.elapsed_ns = MonotonicNs() - begun_ns;
  row.error = std::string(status.message());
  row.state = status.ok() ? "ok" : "failed";
  return row;
}

}  // namespace assay
