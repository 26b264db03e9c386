// Containers sampled by name: fixture trees of every layout, an engine of this test's own, and what goes wrong with it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "agent/sampler/sampler.h"
#include "common/nanoseconds.h"
#include "tests/unit/agent/request_server.h"
#include "tests/unit/cgroups/cgroup_tree.h"
#include "tests/unit/sampler/received.h"
#include "tests/unit/unprivileged.h"

namespace assay {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
constexpr int64_t kHour = 3'600'000 * kMs;  // no second tick comes in a test

// Answers the list, and says events to whoever follows them.
class Engine {
 public:
  explicit Engine(const std::string& socket)
      : server_(std::make_unique<RequestServer>(
            socket, [this](int fd, const std::string& request) { return Answer(fd, request); })) {}

  void Add(char digit, const std::string& name, const std::string& labels = "{}") {
    const std::lock_guard lock(mutex_);
    running_[digit] = R"({"Id": ")" + ContainerId(digit) + R"(", "Names": ["/other/link", "/)" + name +
                      R"("], "Image": "redis:7", "Labels": )" + labels + "}";
  }
  void Say(const std::string& action, char digit, const std::string& name) {
    const std::lock_guard lock(mutex_);
    const std::string line = R"({"Type": "container", "Action": ")" + action + R"(", "Actor": {"ID": ")" +
                             ContainerId(digit) + R"(", "Attributes": {"name": ")" + name +
                             R"(", "image": "redis:7", "role": "db"}}})" + "\n";
    // In two pieces: a line is whole when its end is there.
    Piece(line.substr(0, 20));
    Piece(line.substr(20));
  }
  void Hang() {
    const std::lock_guard lock(mutex_);
    hangs_ = true;
  }
  // Ends the stream of events, as an engine that is restarted.
  void EndStream() {
    const std::lock_guard lock(mutex_);
    assay::Say(follower_, "0\r\n\r\n");
  }
  int lists() {
    const std::lock_guard lock(mutex_);
    return lists_;
  }
  void WaitForFollower() {
    while (true) {
      {
        const std::lock_guard lock(mutex_);
        if (lists_ > 0 && follower_ >= 0) return;
      }
      usleep(1'000);
    }
  }

 private:
  bool Answer(int fd, const std::string& request) {
    const std::lock_guard lock(mutex_);
    if (hangs_) return true;
    if (request.starts_with("GET /events?since=")) {
      follower_ = fd;
      assay::Say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    } else if (request.starts_with("GET /containers/json ")) {
      ++lists_;
      std::string list;
      for (const auto& [digit, json] : running_) list += (list.empty() ? "[" : ", ") + json;
      list += list.empty() ? "[]" : "]";
      assay::Say(fd, "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(list.size()) + "\r\n\r\n" + list);
    } else {
      ADD_FAILURE() << request;
    }
    return true;
  }
  void Piece(const std::string& text) {
    std::array<char, 17> size{};
    std::snprintf(size.data(), size.size(), "%zx", text.size());
    assay::Say(follower_, std::string(size.data()) + "\r\n" + text + "\r\n");
  }

  std::mutex mutex_;
  std::map<char, std::string> running_;
  int follower_ = -1;
  int lists_ = 0;
  bool hangs_ = false;
  std::unique_ptr<RequestServer> server_;  // last: its threads use the others
};

class ContainerSampling : public ::testing::Test {
 protected:
  SamplerOptions Options() const {
    SamplerOptions options;
    options.cgroup_root = tree_.root();
    options.engine_socket = host_.root() + "/docker.sock";
    options.docker_root = host_.root() + "/docker";
    options.podman_root = host_.root() + "/podman";
    options.log_root = host_.root() + "/log";
    return options;
  }
  static v1::Sampling Every(int64_t every_ns, const std::vector<std::string>& containers) {
    v1::Sampling sampling;
    sampling.set_every_ns(every_ns);
    for (const std::string& name : containers) sampling.add_containers(name);
    return sampling;
  }
  // Within Wait's condition, and after Stop.
  size_t SamplesOf(const std::string& path) const {
    return static_cast<size_t>(std::count_if(received_.cgroups.begin(), received_.cgroups.end(),
                                             [&](const auto& sample) { return sample.cgroup() == path; }));
  }
  const v1::CgroupSeries* SeriesOf(const std::string& path) const {
    for (const v1::CgroupSeries& series : received_.series) {
      if (series.cgroup() == path) return &series;
    }
    return nullptr;
  }
  // A host where no engine is, and the files tell of a container called box.
  void BoxInFiles() const {
    tree_.MountV2("", "cpu memory");
    tree_.AddV2("docker/" + ContainerId('a'));
    host_.Write("docker/containers/" + ContainerId('a') + "/config.v2.json",
                R"({"Name": "/box", "Config": {"Image": "i"}})");
  }

  CgroupTree tree_;
  CgroupTree host_;
  Received received_;
};

TEST_F(ContainerSampling, ByNameComposeAndLabelInEveryLayout) {
  Engine engine(Options().engine_socket);
  engine.Add('a', "web");
  engine.Add('b', "shop-db-1",
             R"({"com.docker.compose.project": "shop", "com.docker.compose.service": "db", "role": "db"})");
  engine.Add('c', "unwanted");
  engine.Add('d', "without-a-cgroup-here");
  const std::vector<std::string> paths = {"/docker/" + ContainerId('a'),
                                          "/system.slice/docker-" + ContainerId('b') + ".scope",
                                          "/docker/" + ContainerId('c')};
  for (const std::string layout : {"v1", "v2", "hybrid"}) {
    const CgroupTree tree;
    if (layout != "v2") tree.MountAllV1();
    if (layout == "hybrid") tree.MountV2("unified", "");
    if (layout == "v2") tree.MountV2("", "cpu memory io pids");
    for (const std::string& path : paths) {
      layout == "v2" ? tree.AddV2(path.substr(1)) : tree.AddV1(path);
    }
    v1::Sampling sampling = Every(kHour, {"web", "nobody", "without-a-cgroup-*"});
    sampling.add_compose("shop/db");
    (*sampling.mutable_labels())["role"] = "db";
    SamplerOptions options = Options();
    options.cgroup_root = tree.root();
    Received received;
    Sampler sampler(options, sampling, received.Sink());
    ASSERT_TRUE(sampler.Start().ok());
    ASSERT_TRUE(received.Wait([&] { return !received.cgroups.empty(); }));
    const Sampler::Summary summary = sampler.Stop();
    EXPECT_EQ(received.cgroups.size(), 2 * summary.ticks) << layout;
    ASSERT_EQ(received.series.size(), 2U) << layout;
    EXPECT_EQ(received.series[0].container(), "web");
    EXPECT_EQ(received.series[0].container_id(), ContainerId('a'));
    EXPECT_EQ(received.series[0].image(), "redis:7");
    EXPECT_EQ(received.series[0].cgroup(), paths[0]);
    EXPECT_EQ(received.series[1].container(), "shop-db-1");
    EXPECT_EQ(received.series[1].compose_project(), "shop");
    EXPECT_EQ(received.series[1].compose_service(), "db");
    EXPECT_EQ(received.series[1].unit(), "docker-" + ContainerId('b') + ".scope");
    EXPECT_EQ(received.series[1].labels().at("role"), "db");
    EXPECT_EQ(received.series[1].inode(), received.cgroups[1].inode());
    EXPECT_THAT(summary.unmatched_cgroups, ElementsAre("containers: nobody", "containers: without-a-cgroup-*"));
  }
}

TEST_F(ContainerSampling, StartsDeathsAndRestartsAreReadAtOnce) {
  tree_.MountV2("", "cpu memory");
  const std::string path = "/docker/" + ContainerId('a');
  Engine engine(Options().engine_socket);
  Sampler sampler(Options(), Every(kHour, {"web"}), received_.Sink());
  ASSERT_TRUE(sampler.Start().ok());
  engine.WaitForFollower();
  // A container that was started after the first tick, an hour before the second.
  tree_.AddV2(path.substr(1));
  engine.Say("start", 'a', "web");
  ASSERT_TRUE(received_.Wait([&] { return SamplesOf(path) == 1; }));
  // Its death, with the counters that it had in the end.
  tree_.Write(path.substr(1) + "/memory.current", "77\n");
  engine.Say("die", 'a', "web");
  ASSERT_TRUE(received_.Wait([&] { return SamplesOf(path) == 2; }));
  EXPECT_EQ(received_.cgroups[1].memory_current_bytes(), 77);
  EXPECT_EQ(received_.cgroups[1].inode(), received_.cgroups[0].inode());
  // A restart: the same path, another cgroup.
  tree_.AddV2("next");
  std::filesystem::rename(tree_.At(path.substr(1)), tree_.At("old"));
  std::filesystem::rename(tree_.At("next"), tree_.At(path.substr(1)));
  engine.Say("start", 'a', "web");
  ASSERT_TRUE(received_.Wait([&] { return SamplesOf(path) == 3; }));
  EXPECT_NE(received_.cgroups[2].inode(), received_.cgroups[0].inode());
  engine.Say("start", 'b', "other");  // of no interest
  const Sampler::Summary summary = sampler.Stop();
  ASSERT_EQ(received_.series.size(), 2U);
  for (const v1::CgroupSeries& series : received_.series) EXPECT_EQ(series.container(), "web");
  EXPECT_NE(received_.series[0].inode(), received_.series[1].inode());
  EXPECT_EQ(summary.missed_ticks, 0U);
  EXPECT_EQ(summary.ticks, 2U);
  EXPECT_THAT(summary.unmatched_cgroups, IsEmpty());
}

TEST_F(ContainerSampling, OneMoreOfTheSameEngineIsFoundBesideTheOthers) {
  tree_.MountV2("", "cpu memory");
  Engine engine(Options().engine_socket);
  engine.Add('a', "web-1");
  tree_.AddV2("system.slice/docker-" + ContainerId('a') + ".scope");
  Sampler sampler(Options(), Every(kHour, {"web-*", "late"}), received_.Sink());
  ASSERT_TRUE(sampler.Start().ok());
  engine.WaitForFollower();
  ASSERT_TRUE(received_.Wait([&] { return received_.cgroups.size() == 1; }));
  const std::string beside = "/system.slice/docker-" + ContainerId('b') + ".scope";
  const std::string elsewhere = "/another/" + ContainerId('c');
  tree_.AddV2(beside.substr(1));
  tree_.AddV2(elsewhere.substr(1));
  engine.Say("start", 'b', "web-2");
  engine.Say("start", 'c', "late");
  engine.Say("start", 'd', "unwanted");
  EXPECT_TRUE(received_.Wait([&] { return SamplesOf(beside) == 1 && SamplesOf(elsewhere) == 1; }));
  const Sampler::Summary summary = sampler.Stop();
  EXPECT_EQ(received_.series.size(), 3U);
  EXPECT_THAT(summary.unmatched_cgroups, IsEmpty());
}

TEST_F(ContainerSampling, AnEngineThatIsRestartedIsAskedAgain) {
  tree_.MountV2("", "cpu memory");
  Engine engine(Options().engine_socket);
  Sampler sampler(Options(), Every(kHour, {"late"}), received_.Sink());
  ASSERT_TRUE(sampler.Start().ok());
  engine.WaitForFollower();
  tree_.AddV2("docker/" + ContainerId('a'));
  engine.Add('a', "late");  // and no event tells of it
  engine.EndStream();
  ASSERT_TRUE(received_.Wait([&] { return !received_.cgroups.empty(); }));
  sampler.Stop();
  EXPECT_EQ(engine.lists(), 2);
  EXPECT_EQ(received_.series.at(0).container(), "late");
}

TEST_F(ContainerSampling, WithoutASocketTheFilesTell) {
  BoxInFiles();
  Sampler sampler(Options(), Every(kHour, {"box", "nobody"}), received_.Sink());
  ASSERT_TRUE(sampler.Start().ok());
  ASSERT_TRUE(received_.Wait([&] { return !received_.cgroups.empty(); }));
  const Sampler::Summary summary = sampler.Stop();
  EXPECT_EQ(received_.series.at(0).container(), "box");
  EXPECT_EQ(received_.series.at(0).image(), "i");
  ASSERT_EQ(summary.unmatched_cgroups.size(), 1U);
  EXPECT_THAT(summary.unmatched_cgroups[0], HasSubstr("containers: nobody; no container engine answers on "));
}

TEST_F(ContainerSampling, ASocketWithoutRightsIsToldWithWhatIsMissing) {
  BoxInFiles();
  Engine engine(Options().engine_socket);
  for (const CgroupTree* tree : {&tree_, &host_})
    std::filesystem::permissions(tree->root(), std::filesystem::perms{0755});
  std::filesystem::permissions(Options().engine_socket, std::filesystem::perms::none);
  const Unprivileged rights;
  if (!rights.dropped()) GTEST_SKIP() << "root cannot become another user here, and may open every socket";
  Sampler sampler(Options(), Every(kHour, {"nobody"}), received_.Sink());
  ASSERT_TRUE(sampler.Start().ok());
  const Sampler::Summary summary = sampler.Stop();
  ASSERT_EQ(summary.unmatched_cgroups.size(), 1U);
  EXPECT_THAT(summary.unmatched_cgroups[0],
              HasSubstr("containers: nobody; no container engine answers on " + Options().engine_socket));
  EXPECT_THAT(summary.unmatched_cgroups[0], HasSubstr("may this user open the socket"));
}

TEST_F(ContainerSampling, AnEngineThatHangsHoldsNothingUpForLong) {
  BoxInFiles();
  Engine engine(Options().engine_socket);
  engine.Hang();
  SamplerOptions options = Options();
  options.engine_patience_ns = 20 * kMs;
  Sampler sampler(options, Every(kHour, {"box", "nobody"}), received_.Sink());
  ASSERT_TRUE(sampler.Start().ok());
  ASSERT_TRUE(received_.Wait([&] { return !received_.cgroups.empty(); }));
  const Sampler::Summary summary = sampler.Stop();
  EXPECT_EQ(received_.series.at(0).container(), "box");
  EXPECT_THAT(summary.unmatched_cgroups, ElementsAre("containers: nobody; the container engine has not answered yet"));
}

TEST_F(ContainerSampling, TheDeathOfItsFirstProcessIsReadBeforeTheCgroupIsGone) {
  BoxInFiles();
  const std::string at = "docker/" + ContainerId('a');
  const pid_t child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  tree_.Write(at + "/cgroup.procs", std::to_string(child) + "\n");
  Sampler sampler(Options(), Every(kHour, {"box"}), received_.Sink());
  ASSERT_TRUE(sampler.Start().ok());
  ASSERT_TRUE(received_.Wait([&] { return received_.cgroups.size() == 1; }));
  tree_.Write(at + "/cpu.stat", "usage_usec 9000000\nuser_usec 1\nsystem_usec 0\n");
  kill(child, SIGKILL);
  EXPECT_TRUE(received_.Wait([&] { return received_.cgroups.size() == 2; }));
  waitpid(child, nullptr, 0);
  tree_.Remove(at);
  const Sampler::Summary summary = sampler.Stop();
  ASSERT_EQ(received_.cgroups.size(), 2U);
  EXPECT_EQ(received_.cgroups[1].cpu_usage_ns(), 9'000'000'000);
  EXPECT_EQ(received_.cgroups[1].tick(), received_.cgroups[0].tick());
  ASSERT_EQ(received_.series.size(), 1U);
  EXPECT_TRUE(received_.series[0].has_started_ns());
  EXPECT_LE(received_.series[0].started_ns(), received_.cgroups[0].read_end_ns());
  EXPECT_EQ(summary.ticks, 2U);
}

// Nothing that is read at every tick tells of it: it rested, and is gone before the next reading that asks every file.
TEST_F(ContainerSampling, WhatDiesIsReadAsAWholeAlsoIfItRested) {
  BoxInFiles();
  const std::string at = "docker/" + ContainerId('a');
  const pid_t child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  tree_.Write(at + "/cgroup.procs", std::to_string(child) + "\n");
  Sampler sampler(Options(), Every(kHour, {"box"}), received_.Sink());
  ASSERT_TRUE(sampler.Start().ok());
  EXPECT_TRUE(received_.Wait([&] { return received_.cgroups.size() == 1; }));
  tree_.Write(at + "/memory.events", "oom_kill 9\n");
  kill(child, SIGKILL);
  EXPECT_TRUE(received_.Wait([&] { return received_.cgroups.size() == 2; }));
  waitpid(child, nullptr, 0);
  tree_.Remove(at);
  sampler.Stop();
  EXPECT_EQ(received_.cgroups.back().oom_kills(), 9);
}

TEST_F(ContainerSampling, WhatItsEngineTellsTheDeathOfIsReadAsAWholeAlsoIfItRested) {
  tree_.MountV2("", "cpu memory");
  const std::string at = "docker/" + ContainerId('a');
  Engine engine(Options().engine_socket);
  Sampler sampler(Options(), Every(kHour, {"web"}), received_.Sink());
  ASSERT_TRUE(sampler.Start().ok());
  engine.WaitForFollower();
  tree_.AddV2(at);
  engine.Say("start", 'a', "web");
  ASSERT_TRUE(received_.Wait([&] { return received_.cgroups.size() == 1; }));
  tree_.Write(at + "/memory.events", "oom_kill 9\n");
  engine.Say("die", 'a', "web");
  ASSERT_TRUE(received_.Wait([&] { return received_.cgroups.size() == 2; }));
  tree_.Remove(at);
  sampler.Stop();
  EXPECT_EQ(received_.cgroups.back().oom_kills(), 9);
}

// With hardly a tick between them: what may not have changed is asked once more at the end.
TEST_F(ContainerSampling, TheLastReadingTellsAll) {
  BoxInFiles();
  const std::string at = "docker/" + ContainerId('a');
  const std::string head = "Inter-|\n face |\n";
  const std::string lo = "lo: 5 5 0 0 0 0 0 0 5 5 0 0 0 0 0 0\n";
  tree_.Write(at + "/cgroup.procs", "11\n");
  host_.Write("proc/11/stat", "7 (a) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 5 1 2\n");
  host_.Write("proc/11/net/dev", head + lo);
  SamplerOptions options = Options();
  options.proc_root = host_.root() + "/proc";
  Sampler sampler(options, Every(20 * kMs, {"box"}), received_.Sink());
  ASSERT_TRUE(sampler.Start().ok());
  ASSERT_TRUE(received_.Wait([&] { return received_.cgroups.size() >= 2; }));
  tree_.Write(at + "/memory.events", "oom_kill 9\n");
  host_.Write("proc/11/net/dev", head + lo + "eth0: 1 2 0 0 0 0 0 0 3 4 0 0 0 0 0 0\n");
  sampler.Stop();
  const v1::CgroupSample& last = received_.cgroups.back();
  EXPECT_EQ(last.oom_kills(), 9);
  EXPECT_EQ(last.net_rx_bytes(), 1);
  EXPECT_EQ(received_.cgroups[1].net_rx_bytes(), 0) << "it has a network, with nothing in it";
}

TEST_F(ContainerSampling, NetworkOnceForEveryNamespaceAndNeverTheHosts) {
  tree_.MountV2("", "cpu memory");
  const std::string head = "Inter-|\n face |\n";
  const std::string stat = "7 (a) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 5 1 2\n";
  host_.Write("proc/1/net/dev", head + "eth0: 9 9 0 0 0 0 0 0 9 9 0 0 0 0 0 0\n");
  host_.Write("proc/11/net/dev", head + "lo: 5 5 0 0 0 0 0 0 5 5 0 0 0 0 0 0\neth0: 1 2 0 0 0 0 0 0 3 4 0 0 0 0 0 0\n");
  for (const char* pid : {"11", "12", "13"}) host_.Write(std::string("proc/") + pid + "/stat", stat);
  std::filesystem::create_directories(host_.At("proc/12/net"));
  std::filesystem::create_directories(host_.At("proc/13/net"));
  std::filesystem::create_hard_link(host_.At("proc/11/net/dev"), host_.At("proc/12/net/dev"));  // shares it
  std::filesystem::create_hard_link(host_.At("proc/1/net/dev"), host_.At("proc/13/net/dev"));
  for (const char digit : {'1', '2', '3'}) {
    tree_.AddV2("docker/" + ContainerId(digit));
    tree_.Write("docker/" + ContainerId(digit) + "/cgroup.procs", std::string("1") + digit + "\n");
  }
  SamplerOptions options = Options();
  options.proc_root = host_.root() + "/proc";
  Sampler sampler(options, Every(kHour, {"*"}), received_.Sink());
  ASSERT_TRUE(sampler.Start().ok());
  ASSERT_TRUE(received_.Wait([&] { return received_.cgroups.size() >= 3; }));
  sampler.Stop();
  const v1::CgroupSample& first = received_.cgroups[0];
  EXPECT_EQ(first.net_rx_bytes(), 1);
  EXPECT_EQ(first.net_rx_packets(), 2);
  EXPECT_EQ(first.net_tx_bytes(), 3);
  EXPECT_EQ(first.net_tx_packets(), 4);
  for (const size_t i : {1, 2}) {
    EXPECT_EQ(received_.cgroups[i].net_rx_bytes(), -1) << i;
    EXPECT_EQ(received_.cgroups[i].net_tx_packets(), -1) << i;
  }
  // What has no name anywhere goes by its id.
  EXPECT_EQ(received_.series.at(0).container(), "111111111111");
}

TEST_F(ContainerSampling, UnitsWhereverTheyAreAndPodsByTheirLogs) {
  tree_.MountV2("", "cpu memory");
  const std::string uid = "0b5fa6d1-8c1d-4c1a-9d6b-0123456789ab";
  for (const std::string& path :
       {std::string("system.slice/postgresql.service"), std::string("user.slice/user-1.slice/user@1.service"),
        std::string("user.slice/user-2.slice/user@2.service"), std::string("top.service"),
        std::string("system.slice/postgresql.service/worker"), "kubepods/burstable/pod" + uid + "/" + ContainerId('a'),
        "kubepods/burstable/pod" + uid + "/" + ContainerId('b')}) {
    tree_.AddV2(path);
  }
  host_.Write("log/containers/api-7_prod_server-" + ContainerId('a') + ".log", "");
  host_.Mkdir("log/pods/prod_api-7_" + uid);
  v1::Sampling sampling = Every(kHour, {});
  for (const char* unit : {"postgresql", "user@*.service", "top.service", "none.service"}) sampling.add_units(unit);
  for (const char* pod : {"prod/api-*", "test/*"}) sampling.add_pods(pod);
  Sampler sampler(Options(), sampling, received_.Sink());
  ASSERT_TRUE(sampler.Start().ok());
  ASSERT_TRUE(received_.Wait([&] { return !received_.cgroups.empty(); }));
  const Sampler::Summary summary = sampler.Stop();
  EXPECT_THAT(summary.unmatched_cgroups, ElementsAre("units: none.service", "pods: test/*"));
  EXPECT_EQ(received_.cgroups.size(), 6 * summary.ticks);
  EXPECT_EQ(SamplesOf("/system.slice/postgresql.service/worker"), 0U);
  const v1::CgroupSeries* const unit = SeriesOf("/user.slice/user-1.slice/user@1.service");
  ASSERT_NE(unit, nullptr);
  EXPECT_EQ(unit->unit() + unit->container(), "user@1.service");
  const v1::CgroupSeries* const pod = SeriesOf("/kubepods/burstable/pod" + uid + "/" + ContainerId('a'));
  ASSERT_NE(pod, nullptr);
  EXPECT_EQ(pod->pod_namespace() + " " + pod->pod() + " " + pod->container(), "prod api-7 server");
}

}  // namespace
}  // namespace assay
