// The container trigger against an engine of this test, good days and bad ones. A real engine is met in tests/cluster.
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <functional>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "executor_fixture.h"
#include "request_server.h"
#include "tests/unit/temp_dir.h"
#include "tests/unit/unprivileged.h"

namespace assay {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string Frame(char stream, const std::string& text) {
  std::string frame(8, '\0');
  frame[0] = stream;
  for (int i = 0; i < 4; ++i) frame[static_cast<size_t>(7 - i)] = static_cast<char>(text.size() >> (8 * i) & 0xff);
  return frame + text;
}

constexpr const char* kStreaming = "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n";

class ContainerTest : public ExecutorTest {
 protected:
  // What an engine with one running container called `web` does; every exec writes on both streams and exits 0.
  bool Engine(int fd, const std::string& request) {
    const std::string line = request.substr(0, request.find('\r'));
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
    }
    if (line.starts_with("GET /_ping ")) {
      Say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK");
    } else if (line.starts_with("POST /containers/web/exec ")) {
      SayJson(fd, "201 Created", R"({"Id": "e1"})");
    } else if (line.starts_with("POST /containers/paused/exec ")) {
      SayJson(fd, "409 Conflict", R"({"message": "container paused is not running"})");
    } else if (line.starts_with("POST /exec/e1/start ")) {
      return start(fd);
    } else if (line.starts_with("GET /exec/e1/json ")) {
      SayJson(fd, "200 OK", inspect());
    } else {
      SayJson(fd, "404 Not Found", R"({"message": "No such container: nobody"})");
    }
    return true;
  }

  v1::ShareSpec Spec(const std::string& container, uint64_t count = 1, uint32_t slots = 1) const {
    v1::ShareSpec spec = SleepSpec(1, count, slots, 0);
    v1::ContainerTrigger& trigger = *spec.mutable_trigger()->mutable_container();
    trigger.set_name(container);
    trigger.add_argv("echo");
    trigger.add_argv("$(index)");
    trigger.set_socket(socket_);
    trigger.set_in_flight(4);
    return spec;
  }

  TempDir directory_;
  const std::string socket_ = directory_.path() + "/docker.sock";
  std::mutex mutex_;
  std::vector<std::string> requests_;
  std::function<bool(int)> start = [](int fd) {
    // A frame's header and payload may come in any pieces.
    const std::string out = Frame(1, "to stdout\n") + Frame(2, "to stderr\n");
    Say(fd, kStreaming + out.substr(0, 3));
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    Say(fd, out.substr(3));
    return false;
  };
  std::function<std::string()> inspect = [] { return R"({"Running": false, "ExitCode": 0, "Pid": 0})"; };
};

TEST_F(ContainerTest, RunsAProcessAndRecordsItsSteps) {
  RequestServer engine(socket_, [this](int fd, const std::string& request) { return Engine(fd, request); });
  v1::ShareSpec spec = Spec("web", 3, 1);
  (*spec.mutable_trigger()->mutable_container()->mutable_env())["A"] = "$(agent)";
  spec.mutable_trigger()->mutable_container()->set_cwd("/srv");
  const Written written = Execute(spec);
  ASSERT_EQ(written.triggers.size(), 3U);
  for (const v1::TriggerRecord& record : written.triggers) {
    EXPECT_EQ(record.outcome(), v1::OK) << record.error();
    EXPECT_TRUE(record.has_exit());
    EXPECT_EQ(record.output(), "to stdout\nto stderr\n");
    EXPECT_EQ(record.output_bytes(), 20U);
    ASSERT_TRUE(record.has_created_ns() && record.has_running_ns());
    EXPECT_LE(record.started_ns(), record.created_ns());
    EXPECT_LE(record.created_ns(), record.running_ns());
    EXPECT_LE(record.running_ns(), record.finished_ns());
  }
  const std::lock_guard lock(mutex_);
  EXPECT_THAT(requests_.at(1), HasSubstr(R"("Cmd": ["echo", "0"], "Env": ["A=alpha"], "WorkingDir": "/srv")"));
}

TEST_F(ContainerTest, AnExitCodeIsAFailureAndMayComeLate) {
  int looks = 0;
  inspect = [&looks] {
    return ++looks < 3 ? R"({"Running": true, "ExitCode": null, "Pid": 1})"
                       : R"({"Running": false, "ExitCode": 3, "Pid": 0})";
  };
  RequestServer engine(socket_, [this](int fd, const std::string& request) { return Engine(fd, request); });
  const Written written = Execute(Spec("web"));
  EXPECT_EQ(written.triggers.at(0).outcome(), v1::FAILED);
  EXPECT_EQ(written.triggers.at(0).exit_code(), 3);
  EXPECT_EQ(written.triggers.at(0).error(), "exited with 3");
}

TEST_F(ContainerTest, AContainerThatIsNotThereIsARowInTheEnginesWords) {
  RequestServer engine(socket_, [this](int fd, const std::string& request) { return Engine(fd, request); });
  const Written nobody = Execute(Spec("nobody"));
  EXPECT_EQ(nobody.triggers.at(0).outcome(), v1::FAILED);
  EXPECT_EQ(nobody.triggers.at(0).error(), "No such container: nobody");
  v1::ShareSpec spec = Spec("paused");
  spec.set_run_id(2);
  EXPECT_EQ(Execute(spec).triggers.at(0).error(), "container paused is not running");
}

TEST_F(ContainerTest, WithoutAnEngineTheShareIsRefusedWithTheMend) {
  Want(Spec("web"), v1::PREPARE);
  Exchange();
  const std::string error = WaitForPhase(1, v1::REFUSED).error();
  EXPECT_THAT(error,
              HasSubstr("no container engine answers on " + socket_ + ": No such file or directory; is it running"));
  EXPECT_THAT(error, HasSubstr("is it running, and may this user open the socket"));
}

// As an engine that was stopped leaves it behind.
TEST_F(ContainerTest, ASocketThatNobodyListensOnRefusesTheShareWithTheMend) {
  {
    const RequestServer gone(socket_, [](int, const std::string&) { return false; });
  }
  Want(Spec("web"), v1::PREPARE);
  Exchange();
  EXPECT_THAT(WaitForPhase(1, v1::REFUSED).error(),
              HasSubstr("no container engine answers on " + socket_ + ": Connection refused; is it running"));
}

TEST_F(ContainerTest, WithoutRightsToTheSocketTheShareIsRefusedWithTheMend) {
  RequestServer engine(socket_, [this](int fd, const std::string& request) { return Engine(fd, request); });
  ASSERT_EQ(chmod(directory_.path().c_str(), 0755), 0);
  ASSERT_EQ(chmod(socket_.c_str(), 0), 0);
  const Unprivileged rights;
  if (!rights.dropped()) GTEST_SKIP() << "root cannot become another user here, and may open every socket";
  Want(Spec("web"), v1::PREPARE);
  Exchange();
  const std::string error = WaitForPhase(1, v1::REFUSED).error();
  EXPECT_THAT(error, HasSubstr("no container engine answers on " + socket_ + ": Permission denied; "));
  EXPECT_THAT(error, HasSubstr("may this user open the socket (root, or the group of the socket)"));
  EXPECT_THAT(error, StartsWith("agent 'alpha': ")) << "on which of many hosts";
}

// Docker starts the exec and writes why it could not; Podman refuses the start.
TEST_F(ContainerTest, AnImageWithoutTheProgramIsARowThatNamesTheProgram) {
  const std::string why = R"(exec: "airflow": executable file not found in $PATH)";
  start = [&why](int fd) {
    Say(fd, kStreaming + Frame(2, "OCI runtime exec failed: " + why + "\r\n"));
    return false;
  };
  inspect = [] { return R"({"Running": false, "ExitCode": 127, "Pid": 0})"; };
  RequestServer engine(socket_, [this](int fd, const std::string& request) { return Engine(fd, request); });
  const v1::TriggerRecord docker = Execute(Spec("web")).triggers.at(0);
  EXPECT_EQ(docker.outcome(), v1::FAILED);
  EXPECT_EQ(docker.exit_code(), 127);
  EXPECT_EQ(docker.error(), "exited with 127: is there a program 'echo' in container web, and may it be run?");
  EXPECT_THAT(docker.output(), HasSubstr(why));
  start = [](int fd) {
    SayJson(fd, "500 Internal Server Error", R"({"message": "executable file `airflow` not found in $PATH"})");
    return true;
  };
  v1::ShareSpec spec = Spec("web");
  spec.set_run_id(2);
  const v1::TriggerRecord podman = Execute(spec).triggers.at(0);
  EXPECT_EQ(podman.outcome(), v1::FAILED);
  EXPECT_FALSE(podman.has_exit());
  EXPECT_EQ(podman.error(), "the container engine: executable file `airflow` not found in $PATH");
}

// The engine tells it as the end of the output and an exit by SIGKILL; the next exec is refused.
TEST_F(ContainerTest, AContainerThatDiesInMidExecIsARowAndSoIsEachThatComesAfterIt) {
  bool dead = false;
  start = [&dead](int fd) {
    Say(fd, kStreaming + Frame(1, "begun\n"));
    dead = true;
    return false;
  };
  inspect = [] { return R"({"Running": false, "ExitCode": 137, "Pid": 0})"; };
  RequestServer engine(socket_, [this, &dead](int fd, const std::string& request) {
    if (!dead || !request.starts_with("POST /containers/web/exec ")) return Engine(fd, request);
    SayJson(fd, "409 Conflict", R"({"message": "container web is not running"})");
    return true;
  });
  const Written written = Execute(Spec("web", 3));
  ASSERT_EQ(written.triggers.size(), 3U);
  for (const v1::TriggerRecord& record : written.triggers) EXPECT_EQ(record.outcome(), v1::FAILED);
  EXPECT_EQ(written.triggers[0].error(), "exited with 137");
  EXPECT_EQ(written.triggers[0].output(), "begun\n");
  EXPECT_EQ(written.triggers[1].error(), "container web is not running");
  EXPECT_EQ(written.triggers[2].error(), "container web is not running");
}

TEST_F(ContainerTest, AnEngineThatIsGoneInMidRunIsRowsThatNameItsSocket) {
  RequestServer engine(socket_, [this](int fd, const std::string& request) { return Engine(fd, request); });
  start = [this](int fd) {
    Say(fd, kStreaming + Frame(1, "done\n"));
    unlink(socket_.c_str());
    return false;
  };
  const Written written = Execute(Spec("web", 20));
  ASSERT_EQ(written.triggers.size(), 20U);
  EXPECT_EQ(written.triggers.back().outcome(), v1::FAILED);
  EXPECT_THAT(written.triggers.back().error(), HasSubstr("no container engine answers on " + socket_));
}

TEST_F(ContainerTest, AnEngineThatDiesInMidExecIsARow) {
  start = [](int fd) {
    Say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + Frame(1, "half"));
    return false;
  };
  RequestServer engine(socket_, [this](int fd, const std::string& request) { return Engine(fd, request); });
  const Written written = Execute(Spec("web"));
  EXPECT_EQ(written.triggers.at(0).outcome(), v1::FAILED);
  EXPECT_EQ(written.triggers.at(0).output(), "half");
}

// There is no call that ends an exec: its process is ended by its number.
TEST_F(ContainerTest, ATimeoutEndsTheProcess) {
  const pid_t child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  inspect = [child] { return "{\"Running\": true, \"Pid\": " + std::to_string(child) + "}"; };
  start = [this, child](int fd) {
    Say(fd, kStreaming + Frame(1, "begun\n"));
    int status = 0;
    waitpid(child, &status, 0);
    inspect = [] { return R"({"Running": false, "ExitCode": 143, "Pid": 0})"; };
    return false;
  };
  RequestServer engine(socket_, [this](int fd, const std::string& request) { return Engine(fd, request); });
  v1::ShareSpec spec = Spec("web");
  spec.mutable_trigger()->set_timeout_ns(kSecond);
  const Written written = Execute(spec);
  EXPECT_EQ(written.triggers.at(0).outcome(), v1::TIMEOUT);
  EXPECT_EQ(written.triggers.at(0).error(), "took longer than 1 s and was killed");
  EXPECT_EQ(written.triggers.at(0).output(), "begun\n");
}

// A busy engine has promised to start the process, and there is none yet when its time is over.
TEST_F(ContainerTest, ATimeoutEndsAlsoTheProcessThatTheEngineStartsOnlyThen) {
  const pid_t child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  int looks = 0;
  inspect = [&looks, child] {
    return ++looks < 4 ? std::string(R"({"Running": false, "Pid": 0})")
                       : "{\"Running\": true, \"Pid\": " + std::to_string(child) + "}";
  };
  start = [this, child](int fd) {
    Say(fd, kStreaming);
    int status = 0;
    waitpid(child, &status, 0);
    inspect = [] { return R"({"Running": false, "ExitCode": 143, "Pid": 0})"; };
    return false;
  };
  RequestServer engine(socket_, [this](int fd, const std::string& request) { return Engine(fd, request); });
  v1::ShareSpec spec = Spec("web");
  spec.mutable_trigger()->set_timeout_ns(kSecond);
  const Written written = Execute(spec);
  kill(child, SIGKILL);  // had it been left, the test would hang in the engine's thread
  EXPECT_EQ(written.triggers.at(0).outcome(), v1::TIMEOUT);
  EXPECT_EQ(written.triggers.at(0).error(), "took longer than 1 s and was killed");
}

// It ended by itself while the engine was asked for its process: the answer is of nobody who is in flight any more.
// What is read of it then, a sanitizer sees.
TEST_F(ContainerTest, AnAnswerThatComesWhenTheProcessIsDoneEndsNobody) {
  const pid_t child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  std::atomic<int> first_output = -1;
  std::atomic<int> created = 0;
  std::atomic<int> looks = 0;
  std::promise<void> second_begun, first_told;
  const std::string done = R"({"Running": false, "ExitCode": 0, "Pid": 0})";
  RequestServer engine(socket_, [&](int fd, const std::string& request) {
    if (request.starts_with("POST /containers/web/exec ")) {
      SayJson(fd, "201 Created", R"({"Id": "e)" + std::to_string(++created) + "\"}");
    } else if (request.starts_with("POST /exec/e1/start ")) {
      Say(fd, kStreaming);
      first_output = fd;
    } else if (request.starts_with("POST /exec/e2/start ")) {
      Say(fd, kStreaming);
      second_begun.set_value();
      first_told.get_future().wait_for(std::chrono::nanoseconds(kPatience));
      return false;
    } else if (request.starts_with("GET /exec/e1/json ") && ++looks == 1) {
      shutdown(first_output, SHUT_RDWR);
      second_begun.get_future().wait_for(std::chrono::nanoseconds(kPatience));
      SayJson(fd, "200 OK", "{\"Running\": true, \"Pid\": " + std::to_string(child) + "}");
      first_told.set_value();
    } else if (request.starts_with("GET /exec/")) {
      SayJson(fd, "200 OK", done);
    } else {
      return Engine(fd, request);
    }
    return true;
  });
  v1::ShareSpec spec = Spec("web", 2);
  spec.mutable_trigger()->set_timeout_ns(500 * kMs);
  const Written written = Execute(spec);
  EXPECT_EQ(waitpid(child, nullptr, WNOHANG), 0);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  ASSERT_EQ(written.triggers.size(), 2U);
  EXPECT_EQ(written.triggers[0].outcome(), v1::TIMEOUT);
  EXPECT_EQ(looks, 2);
}

TEST_F(ContainerTest, AProcessThatCannotBeEndedIsGivenUpAndSaidSo) {
  inspect = [] { return R"({"Running": true, "Pid": 0})"; };
  start = [](int fd) {
    Say(fd, kStreaming);
    return true;  // and never ends
  };
  RequestServer engine(socket_, [this](int fd, const std::string& request) { return Engine(fd, request); });
  v1::ShareSpec spec = Spec("web");
  spec.mutable_trigger()->set_timeout_ns(kSecond);
  const Written written = Execute(spec);
  EXPECT_EQ(written.triggers.at(0).outcome(), v1::TIMEOUT);
  EXPECT_THAT(written.triggers.at(0).error(),
              HasSubstr("may still run in the container: the engine does not tell its process"));
}

TEST_F(ContainerTest, InAnOpenLoopWhatWaitsForItsCapIsSkippedAtItsDeadline) {
  start = [](int fd) {
    std::this_thread::sleep_for(std::chrono::seconds(3));
    Say(fd, kStreaming + Frame(1, "late\n"));
    return false;
  };
  RequestServer engine(socket_, [this](int fd, const std::string& request) { return Engine(fd, request); });
  v1::ShareSpec spec = Spec("web", 20, 20);
  spec.mutable_open()->mutable_waves()->set_size(20);
  spec.mutable_open()->set_deadline_ns(kSecond);  // until then the agent has given out the first four
  const Written written = Execute(spec);
  ASSERT_EQ(written.triggers.size(), 20U);
  size_t skipped = 0;
  for (const v1::TriggerRecord& record : written.triggers) {
    if (record.outcome() != v1::SKIPPED) continue;
    ++skipped;
    EXPECT_GT(record.dispatched_ns() - record.intended_ns(), kSecond);
    EXPECT_EQ(record.error(), "not started within its deadline of 1 s: in_flight was full");
  }
  EXPECT_EQ(skipped, 16U);
}

TEST_F(ContainerTest, ItsFloorNamesIt) {
  RequestServer engine(socket_, [this](int fd, const std::string& request) { return Engine(fd, request); });
  Restart({.agent_name = "alpha", .cgroup_name = "", .sampler = {}, .calibrate_ns = kMs});
  const Written written = Execute(Spec("web"));
  ASSERT_TRUE(written.start->has_floor());
  EXPECT_EQ(written.start->floor().error(), "");
  EXPECT_EQ(written.start->floor().kind(), "container");
  EXPECT_EQ(written.start->floor().container(), "web");
}

TEST_F(ContainerTest, NoMoreThanItsCapAreInFlightAndACancelEndsThoseThatWaitToo) {
  inspect = [] { return R"({"Running": true, "Pid": 0})"; };
  start = [](int fd) {
    Say(fd, kStreaming);
    return true;
  };
  RequestServer engine(socket_, [this](int fd, const std::string& request) { return Engine(fd, request); });
  const v1::ShareSpec spec = Spec("web", 20, 20);
  Begin(spec);
  WaitFor(1, [](const v1::ShareStatus& s) { return s.in_flight() == 20; });
  const auto starts = [this] {
    const std::lock_guard lock(mutex_);
    return std::count_if(requests_.begin(), requests_.end(),
                         [](const std::string& r) { return r.starts_with("POST /exec/e1/start "); });
  };
  while (starts() < 4) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  Want(spec, v1::CANCEL);
  Exchange();
  WaitForPhase(1, v1::ENDED);
  EXPECT_EQ(starts(), 4);
  const Written written = sink_.Of(1);
  EXPECT_EQ(written.triggers.size(), 20U);
  for (const v1::TriggerRecord& record : written.triggers) EXPECT_EQ(record.outcome(), v1::CANCELLED);
}

}  // namespace
}  // namespace assay
