#ifndef ASSAY_TESTS_CLUSTER_FAKE_COORDINATOR_H_
#define ASSAY_TESTS_CLUSTER_FAKE_COORDINATOR_H_

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "assay/v1/agent.grpc.pb.h"
#include "common/clock.h"
#include "common/rpc.h"

namespace assay {

// What the coordinator of a test does. Everything is under `mutex`; `changed` is told of every message.
class FakeCoordinator final : public v1::AgentService::Service {
 public:
  FakeCoordinator() { Start(0); }
  ~FakeCoordinator() override { Shutdown(); }

  void Start(int port) {
    grpc::ServerBuilder builder;
    ConfigureServer(builder);
    builder.AddListeningPort("127.0.0.1:" + std::to_string(port), grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
  }
  void Shutdown() {
    if (server_ == nullptr) return;
    server_->Shutdown(std::chrono::system_clock::now());
    server_->Wait();
    server_.reset();
  }
  void Restart() {
    Shutdown();
    Start(port_);
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  int port() const { return port_; }
  int64_t Clock() const { return SteadyWallNs() + skew_ns; }

  // True once the condition holds; it is asked after every message.
  template <typename Condition>
  bool Await(Condition condition) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(120), condition);
  }
  // Changes what the coordinator does from now on.
  template <typename Change>
  void Set(Change change) {
    std::lock_guard lock(mutex);
    change();
    changed.notify_all();
  }

  std::mutex mutex;
  std::condition_variable changed;

  // Control
  std::string cluster_id = "cluster-a";
  int64_t term = 1;
  uint32_t lease_ttl_ms = 10'000;
  uint32_t report_every_ms = 10;
  int64_t skew_ns = 0;
  std::string refusal;
  int drop_control_after = 0;  // reports; 0: never
  std::vector<v1::DesiredShare> shares;
  std::vector<v1::Report> reports;
  std::vector<v1::Hello> hellos;

  // Results
  bool acks = true;
  std::string results_refusal;
  std::map<std::string, std::string> refused_streams;
  int drop_results_after = 0;  // batches; 0: never
  std::map<std::string, uint64_t> watermark;
  std::vector<v1::Batch> batches;  // as committed: each once
  std::vector<v1::ResultsHello> results_hellos;
  uint64_t duplicates = 0;
  uint64_t gaps = 0;
  uint64_t received_bytes = 0;

 private:
  grpc::Status Control(grpc::ServerContext*, grpc::ServerReaderWriter<v1::Desired, v1::Report>* stream) override {
    v1::Report report;
    for (int count = 1; stream->Read(&report); ++count) {
      v1::Desired desired;
      {
        std::lock_guard lock(mutex);
        desired.set_received_ns(Clock());
        reports.push_back(report);
        if (report.has_hello()) hellos.push_back(report.hello());
        changed.notify_all();
        if (drop_control_after > 0 && count > drop_control_after)
          return grpc::Status(grpc::UNAVAILABLE, "dropped by the test");
        desired.set_refusal(refusal);
        if (count == 1) {
          desired.mutable_welcome()->set_cluster_id(cluster_id);
          desired.mutable_welcome()->set_term(term);
          desired.mutable_welcome()->set_lease_ttl_ms(lease_ttl_ms);
        }
        desired.set_report_id(report.report_id());
        desired.set_report_every_ms(report_every_ms);
        for (const v1::DesiredShare& share : shares) *desired.add_shares() = share;
        desired.set_sent_ns(Clock());
      }
      if (!stream->Write(desired)) break;
      if (!desired.refusal().empty()) break;
    }
    return grpc::Status::OK;
  }

  grpc::Status Results(grpc::ServerContext*, grpc::ServerReaderWriter<v1::Ack, v1::ResultsMessage>* stream) override {
    v1::ResultsMessage message;
    int count = 0;
    std::map<std::string, uint64_t> last_seq;  // on this connection
    while (stream->Read(&message)) {
      std::vector<v1::Ack> answers;
      {
        std::lock_guard lock(mutex);
        if (message.has_hello()) {
          results_hellos.push_back(message.hello());
          if (!results_refusal.empty()) {
            answers.emplace_back().set_refusal(results_refusal);
          } else {
            for (const std::string& name : message.hello().streams()) {
              answers.emplace_back().set_stream(name);
              if (const auto refused = refused_streams.find(name); refused != refused_streams.end()) {
                answers.back().set_refusal(refused->second);
                continue;
              }
              answers.back().set_through_seq(watermark[name]);
              last_seq[name] = watermark[name];
            }
          }
        } else {
          if (drop_results_after > 0 && ++count > drop_results_after)
            return grpc::Status(grpc::UNAVAILABLE, "dropped by the test");
          const v1::Batch& batch = message.batch();
          received_bytes += batch.ByteSizeLong();
          uint64_t& through = watermark[batch.stream()];
          duplicates += batch.seq() <= through ? 1 : 0;
          gaps += batch.seq() != last_seq[batch.stream()] + 1 ? 1 : 0;
          last_seq[batch.stream()] = batch.seq();
          // It began to commit in the middle of a connection: as the real one, it has the agent come again.
          if (acks && batch.seq() > through + 1) return grpc::Status(grpc::UNAVAILABLE, "a gap");
          if (batch.seq() == through + 1 && acks) {
            ++through;
            batches.push_back(batch);
          }
          if (acks) {
            answers.emplace_back().set_stream(batch.stream());
            answers.back().set_through_seq(through);
          }
        }
        changed.notify_all();
      }
      for (const v1::Ack& ack : answers) {
        if (!stream->Write(ack)) return grpc::Status::OK;
      }
    }
    return grpc::Status::OK;
  }

  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

// A share of sleeps, to be prepared.
inline v1::DesiredShare Sleeps(int64_t run_id, uint64_t count, int64_t sleep_ns) {
  v1::DesiredShare share;
  share.set_run_id(run_id);
  share.set_phase(v1::PREPARE);
  v1::ShareSpec* spec = share.mutable_spec();
  spec->set_run_id(run_id);
  spec->set_sweep_id(1);
  spec->set_count(count);
  spec->set_stride(1);
  spec->set_slots(4);
  spec->mutable_trigger()->mutable_sleep()->mutable_length()->set_fixed_ns(sleep_ns);
  return share;
}

}  // namespace assay

#endif  // ASSAY_TESTS_CLUSTER_FAKE_COORDINATOR_H_
