#include "coordinator/control_service.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <utility>

#include "assay/v1/control.grpc.pb.h"
#include "common/rpc.h"
#include "coordinator/export.h"
#include "coordinator/scenario/plan_text.h"
#include "coordinator/scenario/scenario_loader.h"
#include "coordinator/sweep_report.h"

namespace assay {
namespace {

constexpr auto kWatchEvery = std::chrono::milliseconds(200);
constexpr size_t kExportChunkBytes = 256 << 10;
constexpr size_t kResultsPartBytes = 1 << 20;

// All results of a large sweep are more than one message may hold.
bool WriteInParts(grpc::ServerWriter<v1::SweepProgress>& writer, v1::SweepProgress progress) {
  google::protobuf::RepeatedPtrField<v1::RunResult> results;
  results.Swap(progress.mutable_results());
  progress.set_more(true);
  size_t bytes = 0;
  for (v1::RunResult& result : results) {
    bytes += result.ByteSizeLong();
    *progress.add_results() = std::move(result);
    if (bytes < kResultsPartBytes) continue;
    if (!writer.Write(progress)) return false;
    progress.clear_results();
    bytes = 0;
  }
  progress.set_more(false);
  return writer.Write(progress);
}

// A run brings its floor along, so there must be one, with the least that can be fired.
void KeepFloorsOnly(Plan& plan) {
  for (PlannedCell& cell : plan.cells) {
    *cell.spec.mutable_floor_of() = cell.spec.trigger();
    cell.spec.clear_trigger();
    cell.spec.mutable_trigger()->mutable_sleep()->mutable_length()->set_fixed_ns(0);
  }
}

}  // namespace

class ControlService::Impl final : public v1::ControlService::Service {
 public:
  Impl(Coordinator& coordinator, std::string url, int64_t term)
      : coordinator_(coordinator), url_(std::move(url)), term_(term) {}

  void Stop() { stopping_ = true; }

  grpc::Status StartSweep(grpc::ServerContext*, const v1::StartSweepRequest* request,
                          v1::StartSweepReply* reply) override {
    const FileReader read = [request](const std::string& path) -> absl::StatusOr<std::string> {
      const auto file = request->files().find(path);
      if (file == request->files().end()) return absl::NotFoundError("the request came without it");
      return file->second;
    };
    absl::StatusOr<Plan> plan = LoadScenario(request->scenario_yaml(), request->file_name(),
                                             {request->sets().begin(), request->sets().end()}, read);
    if (!plan.ok()) return ToGrpc(plan.status());
    if (request->floors_only()) KeepFloorsOnly(*plan);
    SweepRow sweep;
    sweep.state = "pending";
    sweep.scenario_yaml = request->scenario_yaml();
    sweep.sets.assign(request->sets().begin(), request->sets().end());
    sweep.spec = plan->spec;
    for (const PlannedCell& cell : plan->cells)
      sweep.cells.push_back({0, cell.position, cell.label, cell.params_json, cell.spec});
    Writing connection(*this);
    if (const absl::Status stored = SweepStore(connection).CreateSweep(sweep); !stored.ok()) return ToGrpc(stored);
    reply->set_sweep_id(sweep.sweep_id);
    spdlog::info("sweep {} ({}): {} cells in {} blocks", sweep.sweep_id, sweep.spec.name(), sweep.cells.size(),
                 sweep.spec.blocks());
    coordinator_.AddSweep(std::move(sweep));
    v1::ListAgentsRequest matching;
    *matching.mutable_select() = plan->spec.agents();
    const auto agents = static_cast<uint32_t>(coordinator_.Agents(matching).agents_size());
    for (std::string& warning : WarningsFor(*plan, std::max(agents, plan->spec.agents_min())))
      reply->add_warnings(std::move(warning));
    return grpc::Status::OK;
  }

  grpc::Status ListSweeps(grpc::ServerContext*, const v1::ListSweepsRequest*, v1::ListSweepsReply* reply) override {
    Reading connection(*this);
    return Answer(ReadSweeps(connection), reply);
  }

  grpc::Status CancelSweep(grpc::ServerContext*, const v1::CancelSweepRequest* request,
                           v1::CancelSweepReply*) override {
    Writing connection(*this);
    const absl::Status stored = SweepStore(connection).RequestCancel(request->sweep_id(), request->now());
    if (stored.ok()) coordinator_.CancelSweep(request->sweep_id(), request->now());
    return ToGrpc(stored);
  }

  grpc::Status RemoveSweep(grpc::ServerContext*, const v1::RemoveSweepRequest* request,
                           v1::RemoveSweepReply*) override {
    Writing connection(*this);
    return ToGrpc(SweepStore(connection).RemoveSweep(request->sweep_id()));
  }

  grpc::Status WatchSweep(grpc::ServerContext* context, const v1::WatchSweepRequest* request,
                          grpc::ServerWriter<v1::SweepProgress>* writer) override {
    Reading connection(*this);
    int64_t last_run = 0;
    uint32_t ended = 0;
    int64_t created_wall_ns = 0;  // the scheduler does not keep it
    std::string said;
    while (!context->IsCancelled() && !stopping_) {
      const std::optional<v1::SweepProgress> live = coordinator_.Progress(request->sweep_id());
      if (stopping_) break;
      v1::SweepProgress progress;
      const bool over = !live.has_value();
      if (live) progress = *live;
      if (over) {
        absl::StatusOr<StoredSweep> stored = ReadSweep(connection, request->sweep_id());
        if (!stored.ok()) return ToGrpc(stored.status());
        *progress.mutable_sweep() = std::move(stored->info);
        progress.set_doing(stored->failure.empty() ? progress.sweep().state() : stored->failure);
        progress.set_eta_ns(0);
        progress.set_runs_done(stored->runs_done);
      }
      // The scheduler's counts tell when there is something new to read.
      const uint32_t now_ended = progress.sweep().accepted() + progress.sweep().rejected();
      if (over || said.empty() || now_ended != ended) {
        if (!over && created_wall_ns == 0) {
          if (const absl::StatusOr<StoredSweep> stored = ReadSweep(connection, request->sweep_id()); stored.ok())
            created_wall_ns = stored->info.created_wall_ns();
        }
        absl::StatusOr<std::vector<v1::RunResult>> results = ReadRunResults(connection, request->sweep_id(), last_run);
        if (!results.ok() && over) return ToGrpc(results.status());
        if (results.ok()) {
          for (v1::RunResult& result : *results) {
            last_run = std::max(last_run, result.run_id());
            *progress.add_results() = std::move(result);
          }
          ended = now_ended;
        }
      }
      if (!over) progress.mutable_sweep()->set_created_wall_ns(created_wall_ns);
      std::string serialized = progress.SerializeAsString();
      if (serialized != said && !WriteInParts(*writer, progress)) break;
      said = std::move(serialized);
      const std::string& state = progress.sweep().state();
      if (over && (state == "finished" || state == "cancelled" || state == "failed")) return grpc::Status::OK;
      std::this_thread::sleep_for(kWatchEvery);
    }
    return {grpc::StatusCode::UNAVAILABLE, "the coordinator is stopping"};
  }

  grpc::Status ReadView(grpc::ServerContext*, const v1::ReadViewRequest* request,
                        grpc::ServerWriter<v1::ViewRows>* writer) override {
    Reading connection(*this);
    if (const auto sweep = ReadSweep(connection, request->sweep_id()); !sweep.ok()) return ToGrpc(sweep.status());
    return ToGrpc(ReadViewRows(connection, *request, [&](const v1::ViewRows& part) { return writer->Write(part); }));
  }

  grpc::Status ListAgents(grpc::ServerContext*, const v1::ListAgentsRequest* request,
                          v1::ListAgentsReply* reply) override {
    *reply = coordinator_.Agents(*request);
    return grpc::Status::OK;
  }

  grpc::Status Export(grpc::ServerContext*, const v1::ExportRequest* request,
                      grpc::ServerWriter<v1::ExportChunk>* writer) override {
    Reading connection(*this);
    if (const auto sweep = ReadSweep(connection, request->sweep_id()); !sweep.ok()) return ToGrpc(sweep.status());
    v1::ExportChunk chunk;
    const auto flush = [&] {
      const bool written = chunk.file().empty() || writer->Write(chunk);
      chunk.mutable_data()->clear();
      return written;
    };
    const ExportSink sink = [&](const std::string& file, std::string_view bytes) {
      if (file != chunk.file()) {
        if (!flush()) return false;
        chunk.set_file(file);
      }
      chunk.mutable_data()->append(bytes);
      return chunk.data().size() < kExportChunkBytes || flush();
    };
    absl::Status status;
    if (request->format() == "gust") {
      status = ExportGust(connection, request->sweep_id(), request->rejected_too(), sink);
    } else if (request->format() == "radps") {
      status = ExportRadps(connection, request->sweep_id(), sink);
    } else if (request->format() == "csv") {
      status = ExportCsv(connection, request->sweep_id(), {request->views().begin(), request->views().end()}, sink);
    } else {
      status = absl::InvalidArgumentError(
          fmt::format("there is no export format '{}'; known are gust, radps and csv", request->format()));
    }
    if (!status.ok()) return ToGrpc(status);
    flush();
    // Tables and views have the runs of every verdict.
    if (request->format() == "csv") return grpc::Status::OK;
    absl::StatusOr<std::string> note = LeftOutNote(connection, request->sweep_id(), request->rejected_too());
    if (!note.ok()) return ToGrpc(note.status());
    chunk.Clear();
    chunk.set_note(*std::move(note));
    if (!chunk.note().empty()) writer->Write(chunk);
    return grpc::Status::OK;
  }

 private:
  // A connection for one request; one that writes is fenced by this coordinator's term.
  struct Reading : Connection {
    explicit Reading(const Impl& impl) : Connection(impl.url_, "assay-coordinator control") {}
  };
  struct Writing : Reading {
    explicit Writing(const Impl& impl) : Reading(impl) { FenceWith(impl.term_); }
  };
  template <typename T>
  static grpc::Status Answer(absl::StatusOr<T> answer, T* reply) {
    if (!answer.ok()) return ToGrpc(answer.status());
    *reply = *std::move(answer);
    return grpc::Status::OK;
  }

  Coordinator& coordinator_;
  const std::string url_;
  const int64_t term_;
  std::atomic<bool> stopping_ = false;
};

ControlService::ControlService(Coordinator& coordinator, std::string database_url, int64_t term)
    : impl_(std::make_unique<Impl>(coordinator, std::move(database_url), term)) {}
ControlService::~ControlService() = default;
grpc::Service* ControlService::service() { return impl_.get(); }
void ControlService::Stop() { impl_->Stop(); }

}  // namespace assay
