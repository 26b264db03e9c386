// Following a sweep, against a control service that the test scripts message by message.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>

#include "assay/v1/control.grpc.pb.h"
#include "cli/exit_code.h"
#include "cli/watch/follow_sweep.h"
#include "cli/watch/sweep_watch.h"
#include "common/rpc.h"

namespace assay {
namespace {

using testing::HasSubstr;

v1::SweepProgress Message(const std::string& state, int64_t results) {
  v1::SweepProgress progress;
  progress.mutable_sweep()->set_sweep_id(3);
  progress.mutable_sweep()->set_state(state);
  progress.mutable_sweep()->set_runs_total(2);
  progress.mutable_sweep()->set_accepted(static_cast<uint32_t>(results));
  for (int64_t id = 1; id <= results; ++id) {
    progress.add_results()->set_run_id(id);
    progress.mutable_results()->rbegin()->set_verdict("accepted");
  }
  return progress;
}

class ScriptedService final : public v1::ControlService::Service {
 public:
  using Script = std::function<grpc::Status(grpc::ServerContext&, int call, grpc::ServerWriter<v1::SweepProgress>&)>;
  explicit ScriptedService(Script script) : script_(std::move(script)) {}

  grpc::Status WatchSweep(grpc::ServerContext* context, const v1::WatchSweepRequest*,
                          grpc::ServerWriter<v1::SweepProgress>* writer) override {
    return script_(*context, ++calls_, *writer);
  }
  grpc::Status CancelSweep(grpc::ServerContext*, const v1::CancelSweepRequest* request,
                           v1::CancelSweepReply*) override {
    (request->now() ? stops : drains)++;
    return grpc::Status::OK;
  }

  std::atomic<int> drains = 0;
  std::atomic<int> stops = 0;

 private:
  const Script script_;
  std::atomic<int> calls_ = 0;
};

class FollowTest : public testing::Test {
 protected:
  void Serve(ScriptedService::Script script) {
    service_ = std::make_unique<ScriptedService>(std::move(script));
    grpc::ServerBuilder builder;
    ConfigureServer(builder);
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(service_.get());
    server_ = builder.BuildAndStart();
    address_ = "127.0.0.1:" + std::to_string(port);
  }

  Followed Follow(bool cancel_on_interrupt) {
    ProgressPrinter printer(fileno(out_.get()), ProgressPrinter::Style::kLines);
    FollowOptions options;
    options.cancel_on_interrupt = cancel_on_interrupt;
    return FollowSweep(address_, 3, interrupts_, printer, options);
  }

  std::string Printed() const {
    std::string text(1 << 16, '\0');
    text.resize(static_cast<size_t>(pread(fileno(out_.get()), text.data(), text.size(), 0)));
    return text;
  }

  // Only the thread that follows: others of this process do not hold signals back.
  void PressCtrlC() const { pthread_kill(main_, SIGINT); }

  static void WaitFor(const std::function<bool()>& condition, const grpc::ServerContext& context) {
    while (!condition() && !context.IsCancelled()) usleep(1000);
  }

  const pthread_t main_ = pthread_self();
  Interrupts interrupts_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> out_{std::tmpfile(), std::fclose};
  std::unique_ptr<ScriptedService> service_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

TEST_F(FollowTest, ALostConnectionIsTriedAgainAndResultsAreShownOnce) {
  Serve([this](grpc::ServerContext& context, int call, grpc::ServerWriter<v1::SweepProgress>& writer) {
    if (call == 1) {
      writer.Write(Message("running", 1));
      return grpc::Status(grpc::StatusCode::UNAVAILABLE, "the coordinator is stopping");
    }
    WaitFor([this] { return Printed().find("lost the coordinator") != std::string::npos; }, context);
    writer.Write(Message("finished", 2));
    return grpc::Status::OK;
  });
  const Followed followed = Follow(true);
  EXPECT_TRUE(followed.status.ok()) << followed.status;
  EXPECT_EQ(ExitCodeOf(followed.last.sweep()), kExitAccepted);
  const std::string text = Printed();
  EXPECT_THAT(text, HasSubstr("lost the coordinator"));
  EXPECT_THAT(text, HasSubstr("the coordinator is back"));
  EXPECT_EQ(text.find("run 1 "), text.rfind("run 1 "));
  EXPECT_THAT(text, HasSubstr("run 2 "));
}

TEST_F(FollowTest, ResultsInPartsAreShownAllBeforeTheEnd) {
  Serve([](grpc::ServerContext&, int, grpc::ServerWriter<v1::SweepProgress>& writer) {
    v1::SweepProgress part = Message("finished", 1);
    part.set_more(true);
    writer.Write(part);
    writer.Write(Message("finished", 2));
    return grpc::Status::OK;
  });
  const Followed followed = Follow(true);
  EXPECT_TRUE(followed.status.ok()) << followed.status;
  EXPECT_THAT(Printed(), HasSubstr("run 1 "));
  EXPECT_THAT(Printed(), HasSubstr("run 2 "));
}

TEST_F(FollowTest, CtrlCDrainsThenStopsAndTheResultsSoFarAreKept) {
  Serve([this](grpc::ServerContext& context, int, grpc::ServerWriter<v1::SweepProgress>& writer) {
    writer.Write(Message("running", 1));
    PressCtrlC();
    WaitFor([this] { return service_->drains == 1; }, context);
    PressCtrlC();
    WaitFor([this] { return service_->stops == 1; }, context);
    writer.Write(Message("cancelled", 1));
    return grpc::Status::OK;
  });
  const Followed followed = Follow(true);
  EXPECT_TRUE(followed.interrupted);
  EXPECT_FALSE(followed.left);
  EXPECT_TRUE(followed.status.ok());
  EXPECT_EQ(followed.last.sweep().state(), "cancelled");
  EXPECT_THAT(Printed(), HasSubstr("run 1 "));
  EXPECT_EQ(service_->drains, 1);
  EXPECT_EQ(service_->stops, 1);
  EXPECT_THAT(Printed(), HasSubstr("draining: triggers in flight end"));
}

TEST_F(FollowTest, WhoOnlyWatchesLeavesTheSweepAlone) {
  Serve([this](grpc::ServerContext& context, int, grpc::ServerWriter<v1::SweepProgress>& writer) {
    writer.Write(Message("running", 1));
    PressCtrlC();
    WaitFor([] { return false; }, context);
    return grpc::Status::CANCELLED;
  });
  const Followed followed = Follow(false);
  EXPECT_TRUE(followed.interrupted);
  EXPECT_TRUE(followed.left);
  EXPECT_EQ(service_->drains + service_->stops, 0);
}

TEST_F(FollowTest, ASweepThatIsNotThereIsNotWaitedFor) {
  Serve([](grpc::ServerContext&, int, grpc::ServerWriter<v1::SweepProgress>&) {
    return grpc::Status(grpc::StatusCode::NOT_FOUND, "there is no sweep 3; `assay sweep list` shows all");
  });
  const Followed followed = Follow(false);
  EXPECT_EQ(followed.status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(followed.status.message()), HasSubstr("no sweep 3"));
}

TEST(SweepWatchTest, PatienceEnds) {
  SweepWatch watch("127.0.0.1:1", 3, /*patience_ns=*/1);
  SweepWatch::News news;
  while (!(news = watch.Take()).over) usleep(1000);
  EXPECT_EQ(news.status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(news.status.message()), HasSubstr("cannot reach a coordinator at 127.0.0.1:1"));
}

}  // namespace
}  // namespace assay
