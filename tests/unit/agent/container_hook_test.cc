// Hooks on containers, against an engine of this test. A real engine is met in tests/cluster.
#include <gmock/gmock.h>

#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "agent/hooks/compose_order.h"
#include "executor_fixture.h"
#include "request_server.h"
#include "tests/unit/temp_dir.h"

namespace assay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class ContainerHookTest : public ExecutorTest {
 protected:
  // An engine with the containers of `states`: "running", "exited", "sick" (runs, its health check fails).
  bool Engine(int fd, const std::string& request) {
    const std::lock_guard lock(mutex_);
    const std::string line = request.substr(0, request.find(" HTTP/"));
    if (!line.ends_with("/json")) calls_.push_back(line);
    if (line.starts_with("GET /containers/json?")) {
      SayJson(fd, "200 OK", list_);
      return true;
    }
    const std::string path = line.substr(line.find(' ') + 1).substr(std::string("/containers/").size());
    const std::string name = path.substr(0, path.find('/'));
    const std::string call = path.substr(path.find('/') + 1);
    const auto state = states_.find(name);
    if (state == states_.end()) {
      SayJson(fd, "404 Not Found", R"({"message": "No such container: )" + name + "\"}");
    } else if (call == "stop") {
      if (name == "stubborn") return true;  // and no answer
      const bool was = std::exchange(state->second, "exited") != "exited";
      Say(fd, was ? "HTTP/1.1 204 No Content\r\n\r\n" : "HTTP/1.1 304 Not Modified\r\n\r\n");
    } else if (call == "start") {
      if (state->second == "exited") state->second = name == "init" ? "exited" : "running";
      Say(fd, "HTTP/1.1 204 No Content\r\n\r\n");
    } else {
      const bool runs = state->second != "exited";
      const char* health = state->second == "sick" ? "unhealthy" : ++looks_ < 3 ? "starting" : "healthy";
      SayJson(fd, "200 OK",
              std::string(R"({"State": {"Running": )") + (runs ? "true" : "false") + R"(, "ExitCode": )" +
                  std::to_string(exit_code_) + R"(, "Health": {"Status": ")" + health + "\"}}}");
    }
    return true;
  }

  v1::ContainerAction& Hook(int64_t id) {
    v1::DesiredHook& hook = *desired_.add_hooks();
    hook.set_hook_id(id);
    hook.set_run_id(7);
    hook.mutable_hook()->set_timeout_ns(kPatience);
    hook.mutable_hook()->mutable_containers()->set_socket(socket_);
    return *hook.mutable_hook()->mutable_containers();
  }
  static std::vector<std::string> Steps(const v1::HookStatus& status) {
    std::vector<std::string> steps;
    for (const v1::HookStep& step : status.steps()) steps.push_back(step.action() + " " + step.container());
    return steps;
  }

  TempDir directory_;
  const std::string socket_ = directory_.path() + "/docker.sock";
  std::mutex mutex_;
  std::vector<std::string> calls_;
  std::map<std::string, std::string> states_{{"web", "running"}, {"db", "running"}, {"init", "exited"}};
  std::string list_ = "[]";
  int looks_ = 0;
  int exit_code_ = 0;
  RequestServer engine_{socket_, [this](int fd, const std::string& request) { return Engine(fd, request); }};
};

constexpr const char* kProject = R"([
  {"Id": "init", "Names": ["/p-init-1"], "State": "exited", "Labels": {"com.docker.compose.service": "init"}},
  {"Id": "web", "Names": ["/p-web-1"], "State": "running", "Labels": {"com.docker.compose.service": "a-web",
    "com.docker.compose.depends_on": "db:service_healthy:false,init:service_completed_successfully:false"}},
  {"Id": "db", "Names": ["/p-db-1"], "State": "running", "Labels": {"com.docker.compose.service": "db"}},
  {"Id": "once", "Names": ["/p-once"], "State": "running", "Labels": {"com.docker.compose.oneoff": "True"}}])";

TEST_F(ContainerHookTest, ARestartIsAStopAndAStartWithTheirInstants) {
  Hook(1).set_container("$(target)");
  desired_.mutable_hooks(0)->set_target("web");
  const int64_t before_ns = MonotonicNs() + kClock.offset_ns;
  Exchange();
  const v1::HookStatus status = WaitForHook(1);
  EXPECT_EQ(status.error(), "");
  EXPECT_GT(status.elapsed_ns(), 0);
  EXPECT_THAT(Steps(status), ElementsAre("stop web", "start web"));
  EXPECT_THAT(calls_, ElementsAre("POST /containers/web/stop", "POST /containers/web/start"));
  EXPECT_GE(status.steps(0).begun_ns(), before_ns) << "in the coordinator's time";
  EXPECT_GT(status.steps(0).ended_ns(), status.steps(0).begun_ns());
  EXPECT_GE(status.steps(1).begun_ns(), status.steps(0).ended_ns());
  EXPECT_EQ(states_["web"], "running");
}

TEST_F(ContainerHookTest, StopAndStartAreFineWhereItIsSoAlready) {
  states_["web"] = "exited";
  v1::ContainerAction& stop = Hook(1);
  stop.set_container("web");
  stop.set_action(v1::ContainerAction::STOP);
  Exchange();
  EXPECT_EQ(WaitForHook(1).error(), "");
  EXPECT_THAT(Steps(WaitForHook(1)), ElementsAre("stop web"));
  v1::ContainerAction& start = Hook(2);
  start.set_container("web");
  start.set_action(v1::ContainerAction::START);
  start.set_wait(v1::ContainerAction::HEALTHY);
  Exchange();
  EXPECT_EQ(WaitForHook(2).error(), "");
  EXPECT_THAT(Steps(WaitForHook(2)), ElementsAre("start web", "wait web"));
  EXPECT_GE(looks_, 3) << "until its health check passes";
}

TEST_F(ContainerHookTest, AProjectIsStoppedFromItsEndAndStartedByWhatNeedsWhat) {
  list_ = kProject;
  v1::ContainerAction& restart = Hook(1);
  restart.set_compose_project("p-$(run)");
  restart.set_wait(v1::ContainerAction::RUNNING);
  Exchange();
  const v1::HookStatus status = WaitForHook(1);
  EXPECT_EQ(status.error(), "");
  EXPECT_THAT(Steps(status), ElementsAre("stop p-web-1", "stop p-db-1", "start p-db-1", "wait p-db-1", "start p-web-1",
                                         "wait p-web-1"))
      << "what had ended, and what is no service, is left alone";
  EXPECT_EQ(
      calls_.at(0),
      "GET /containers/json?all=true&filters=%7B%22label%22%3A%20%5B%22com.docker.compose.project%3Dp-7%22%5D%7D");
  v1::ContainerAction& start = Hook(2);
  start.set_compose_project("p");
  start.set_action(v1::ContainerAction::START);
  start.set_wait(v1::ContainerAction::RUNNING);
  Exchange();
  EXPECT_EQ(WaitForHook(2).error(), "") << "one that prepares has ended well";
  EXPECT_THAT(Steps(WaitForHook(2)), ElementsAre("start p-db-1", "wait p-db-1", "start p-init-1", "wait p-init-1",
                                                 "start p-web-1", "wait p-web-1"));
}

TEST_F(ContainerHookTest, WhatGoesWrongIsToldWithTheContainerAndTheMend) {
  Hook(1).set_container("nobody");
  Hook(2).set_compose_project("none");
  v1::ContainerAction& sick = Hook(3);
  sick.set_container("sick");
  sick.set_action(v1::ContainerAction::START);
  sick.set_wait(v1::ContainerAction::HEALTHY);
  states_["sick"] = "sick";
  v1::ContainerAction& ended = Hook(4);
  ended.set_container("init");
  ended.set_action(v1::ContainerAction::START);
  ended.set_wait(v1::ContainerAction::RUNNING);
  exit_code_ = 3;
  states_["stubborn"] = "running";
  Hook(5).set_container("stubborn");
  desired_.mutable_hooks(4)->mutable_hook()->set_timeout_ns(100 * kMs);
  v1::ContainerAction& elsewhere = Hook(6);
  elsewhere.set_container("web");
  elsewhere.set_socket(directory_.path() + "/no.sock");
  Exchange();
  EXPECT_EQ(WaitForHook(1).error(), "stop container 'nobody': No such container: nobody");
  EXPECT_EQ(WaitForHook(1).exit_code(), 1);
  EXPECT_EQ(WaitForHook(1).steps(0).error(), "No such container: nobody");
  EXPECT_THAT(WaitForHook(2).error(), HasSubstr("has no container of the Compose project 'none'"));
  EXPECT_EQ(WaitForHook(3).error(), "waiting for container 'sick': its health check fails");
  EXPECT_EQ(WaitForHook(4).error(), "waiting for container 'init': it ended with 3");
  EXPECT_EQ(
      WaitForHook(5).error(),
      "stop container 'stubborn': took longer than 100 ms; the container has its stop timeout (the engine's default "
      "is 10 s) before it is killed, and may still be stopped: give the hook a longer timeout");
  EXPECT_GT(WaitForHook(5).steps(0).ended_ns(), WaitForHook(5).steps(0).begun_ns());
  EXPECT_THAT(WaitForHook(6).error(), HasSubstr("no container engine answers on " + elsewhere.socket()));
  EXPECT_THAT(WaitForHook(6).error(), HasSubstr("is it running, and may this user open the socket"));
}

TEST_F(ContainerHookTest, OneThatIsNoLongerListedOrWhoseAgentStopsIsGivenUp) {
  states_["stubborn"] = "running";
  Hook(1).set_container("stubborn");
  Exchange();
  desired_.clear_hooks();
  Exchange();
  const int64_t deadline_ns = MonotonicNs() + kPatience;
  while (Report().hooks_size() > 0 && MonotonicNs() < deadline_ns) std::this_thread::yield();
  EXPECT_EQ(Report().hooks_size(), 0);
  Hook(2).set_container("stubborn");
  Exchange();
  std::promise<void> ended;
  OnLoop([&] { executor_->Stop(true, [&] { ended.set_value(); }); });
  ended.get_future().wait();
  EXPECT_THAT(WaitForHook(2).error(), HasSubstr("told to stop"));
  EXPECT_TRUE(WaitForHook(2).interrupted());
}

TEST_F(ContainerHookTest, TheExecutorsEndDropsThem) {
  states_["stubborn"] = "running";
  Hook(1).set_container("stubborn");
  Exchange();
  desired_.Clear();
  Restart({.agent_name = "alpha", .sampler = {}, .max_processes = 0});
}

TEST(ComposeOrder, ACircleEnds) {
  std::vector<DockerContainer> containers(2);
  for (size_t i = 0; i < 2; ++i) {
    containers[i].name = std::to_string(i);
    containers[i].labels = {{"com.docker.compose.service", std::to_string(i)},
                            {"com.docker.compose.depends_on", std::to_string(1 - i) + ":service_started:true"}};
  }
  EXPECT_EQ(InStartOrder(containers).size(), 2U);
}

}  // namespace
}  // namespace assay
