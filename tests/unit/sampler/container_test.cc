// Containers found and named on fixture trees: what engines and drivers call their cgroups, and what files tell.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "agent/sampler/containers/container_path.h"
#include "agent/sampler/containers/container_process.h"
#include "agent/sampler/containers/container_selection.h"
#include "agent/sampler/containers/host_containers.h"
#include "agent/sampler/host_parsers.h"
#include "tests/unit/cgroups/cgroup_tree.h"

namespace assay {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

TEST(ContainerPath, OfEveryEngineAndDriver) {
  const std::string id = ContainerId('a');
  const std::string uid = "0b5fa6d1-8c1d-4c1a-9d6b-0123456789ab";
  std::string underscored = uid;
  std::replace(underscored.begin(), underscored.end(), '-', '_');
  const struct {
    std::string path;
    std::string pod_uid;
  } containers[] = {
      {"/docker/" + id, ""},
      {"/system.slice/docker-" + id + ".scope", ""},
      {"/a/parent/" + id, ""},
      {"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + id + ".scope", ""},
      {"/libpod_parent/libpod-" + id, ""},
      {"/kubepods/burstable/pod" + uid + "/" + id, uid},
      {"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" + underscored + ".slice/cri-containerd-" +
           id + ".scope",
       uid},
      {"/kubepods.slice/kubepods-pod" + underscored + ".slice/crio-" + id + ".scope", uid},
      // A static pod's.
      {"/kubepods/pod" + std::string(32, 'f') + "/" + id, std::string(32, 'f')},
  };
  for (const auto& container : containers) {
    const auto parsed = ContainerPath::Parse(container.path);
    ASSERT_TRUE(parsed.has_value()) << container.path;
    EXPECT_EQ(parsed->id, id);
    EXPECT_EQ(parsed->pod_uid, container.pod_uid) << container.path;
  }
  for (const std::string& path :
       {std::string("/"), std::string(), "/docker/" + id.substr(1), "/docker/x" + id, "/docker/" + ContainerId('g'),
        "/system.slice/docker-" + id + ".service", "/libpod-conmon-" + id + ".scope", "/crio-conmon-" + id + ".scope",
        "/docker/" + id + "/init.scope", std::string("/kubepods/pod") + uid}) {
    EXPECT_FALSE(ContainerPath::Parse(path).has_value()) << path;
  }
}

TEST(ContainerPath, UnitOfACgroup) {
  EXPECT_EQ(UnitOfCgroup("/system.slice/postgresql.service"), "postgresql.service");
  EXPECT_EQ(UnitOfCgroup("/system.slice/postgresql.service/worker"), "postgresql.service");
  EXPECT_EQ(UnitOfCgroup("/user.slice/user-1.slice/user@1.service/app.slice/x.scope"), "x.scope");
  EXPECT_EQ(UnitOfCgroup("/system.slice"), "system.slice");
  EXPECT_EQ(UnitOfCgroup("/system.slice/plain"), "");
  EXPECT_EQ(UnitOfCgroup("/docker/abc"), "");
  EXPECT_EQ(UnitOfCgroup("/"), "");
}

Container Named(const std::string& name) {
  Container container;
  container.id = ContainerId('b');
  container.name = name;
  return container;
}

TEST(ContainerSelection, NamesIdsComposeLabelsAndPods) {
  v1::Sampling sampling;
  for (const char* name : {"web", "db-*", "bbbbbbbbbbbb", "bbbb", "nobody"}) sampling.add_containers(name);
  for (const char* project : {"shop", "blog/db", "none/x", "*/*"}) sampling.add_compose(project);
  for (const char* pod : {"api-*", "prod/worker", "test/worker"}) sampling.add_pods(pod);
  (*sampling.mutable_labels())["role"] = "db";
  (*sampling.mutable_labels())["tier"] = "1";
  ContainerSelection selection(sampling);

  EXPECT_TRUE(selection.Matches(Named("web")));
  EXPECT_TRUE(selection.Matches(Named("db-1")));
  EXPECT_TRUE(selection.Matches(Named("by-its-id")));  // 12 digits of it; fewer are a name
  Container other = Named("other");
  other.id = ContainerId('c');
  EXPECT_FALSE(selection.Matches(other));
  Container composed = other;
  composed.labels = {{"com.docker.compose.project", "shop"}, {"com.docker.compose.service", "web"}};
  EXPECT_TRUE(selection.Matches(composed));
  composed.labels = {{"com.docker.compose.project", "blog"}, {"com.docker.compose.service", "db"}};
  EXPECT_TRUE(selection.Matches(composed));
  Container pod = other;
  pod.pod = "worker";
  pod.pod_namespace = "prod";
  EXPECT_TRUE(selection.Matches(pod));
  pod.pod_namespace = "dev";
  EXPECT_FALSE(selection.Matches(pod));
  pod.pod = "api-7";
  EXPECT_TRUE(selection.Matches(pod));
  Container labelled = other;
  labelled.labels = {{"role", "db"}};
  EXPECT_FALSE(selection.Matches(labelled));
  EXPECT_THAT(selection.Unmatched(), ElementsAre("containers: bbbb", "containers: nobody", "compose: none/x",
                                                 "pods: test/worker", "labels: {role: db, tier: 1}"));
  labelled.labels = {{"role", "db"}, {"tier", "1"}, {"more", ""}};
  EXPECT_TRUE(selection.Matches(labelled));
}

TEST(HostContainers, DockerPodmanAndKubernetesByTheirFiles) {
  const CgroupTree host;
  host.Write("docker/containers/" + ContainerId('1') + "/config.v2.json",
             R"({"ID": "1", "Name": "/box", "Config": {"Image": "redis:7", "Labels": {"role": "db"}}})");
  host.Write("docker/containers/" + ContainerId('2') + "/config.v2.json", R"({"ID": "2", "Name": ["cut)");
  host.Write(
      "podman/overlay-containers/containers.json",
      R"([{"id": ")" + ContainerId('3') +
          R"(", "names": ["pod_box"], "metadata": "{\"image-name\":\"docker.io/library/redis:7\"}"}, {"id": 5}])");
  host.Write("log/containers/api-7_prod_server-" + ContainerId('4') + ".log", "");
  host.Write("log/containers/nonsense.log", "");
  host.Mkdir("log/pods/prod_api-8_0b5fa6d1-8c1d-4c1a-9d6b-0123456789ab/server");
  HostContainers containers(host.root() + "/docker", host.root() + "/podman", host.root() + "/log");

  const Container docker = containers.Find({ContainerId('1'), ""});
  EXPECT_EQ(docker.name, "box");
  EXPECT_EQ(docker.image, "redis:7");
  EXPECT_EQ(docker.labels.at("role"), "db");
  EXPECT_EQ(containers.Find({ContainerId('2'), ""}).name, "222222222222");
  const Container podman = containers.Find({ContainerId('3'), ""});
  EXPECT_EQ(podman.name, "pod_box");
  EXPECT_EQ(podman.image, "docker.io/library/redis:7");
  const Container in_pod = containers.Find({ContainerId('4'), "ffffffffffffffffffffffffffffffff"});
  EXPECT_EQ(in_pod.name + " " + in_pod.pod_namespace + "/" + in_pod.pod, "server prod/api-7");
  // The sandbox of a pod has no log, but its pod's directory has its uid.
  const Container sandbox = containers.Find({ContainerId('5'), "0b5fa6d1-8c1d-4c1a-9d6b-0123456789ab"});
  EXPECT_EQ(sandbox.name + " " + sandbox.pod_namespace + "/" + sandbox.pod, "555555555555 prod/api-8");
  EXPECT_EQ(containers.Find({ContainerId('6'), ""}).name, "666666666666");

  // Told again after a refresh only: many unknown ones must not list the host many times.
  host.Write("log/containers/late_prod_server-" + ContainerId('7') + ".log", "");
  EXPECT_EQ(containers.Find({ContainerId('7'), "x"}).pod, "");
  containers.Refresh();
  EXPECT_EQ(containers.Find({ContainerId('7'), "x"}).pod, "late");
}

TEST(ContainerProcess, TheOldestAndThoseOfChildren) {
  const CgroupTree tree;
  const auto stat = [](int ticks) {
    return "7 (a) b) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 " + std::to_string(ticks) + " 1 2\n";
  };
  tree.Write("proc/31/stat", stat(500));
  tree.Write("proc/32/stat", stat(400));
  tree.Write("proc/33/stat", "33 (cut");
  tree.Write("own/cgroup.procs", "31\n32\n33\n34\n0\n");
  tree.Write("parent/cgroup.procs", "");
  tree.Write("parent/container/cgroup.procs", "31\n");
  tree.Write("empty/cgroup.procs", "");
  const std::string proc = tree.root() + "/proc";
  const auto oldest = FindContainerProcess({tree.root() + "/none", tree.root() + "/own"}, proc);
  ASSERT_TRUE(oldest.has_value());
  EXPECT_EQ(oldest->pid, 32);
  const auto younger = FindContainerProcess({tree.root() + "/parent"}, proc);
  ASSERT_TRUE(younger.has_value());
  EXPECT_EQ(younger->pid, 31);
  EXPECT_GT(younger->started_ns, oldest->started_ns);
  EXPECT_FALSE(FindContainerProcess({tree.root() + "/empty"}, proc).has_value());
  EXPECT_EQ(ParseStartTicks(stat(77)), 77);
  for (const char* text : {"", "7 a S 1", "7 (a) S 1 2 3", "7 (a) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 x"}) {
    EXPECT_FALSE(ParseStartTicks(text).has_value()) << text;
  }
}

TEST(NetDev, SumsAllButLo) {
  const std::string head =
      "Inter-|   Receive                                                |  Transmit\n"
      " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls\n";
  const auto totals = ParseNetDev(head +
                                  "    lo: 9 9 0 0 0 0 0 0 9 9 0 0 0 0 0 0\n"
                                  "  eth0: 100 2 0 0 0 0 0 0 30 4 0 0 0 0 0 0\n"
                                  "eth1:1000 20 0 0 0 0 0 0 300 40 0 0 0 0 0 0\n"
                                  "  cut0: 1 2 3\n  eth2: 5 6 0 0 0 0 0 0 7 8 0 0 0 0");
  ASSERT_TRUE(totals.has_value());
  EXPECT_EQ(totals->rx_bytes, 1'100);
  EXPECT_EQ(totals->rx_packets, 22);
  EXPECT_EQ(totals->tx_bytes, 330);
  EXPECT_EQ(totals->tx_packets, 44);
  EXPECT_EQ(totals->interfaces, 2);
  EXPECT_EQ(ParseNetDev(head)->rx_bytes, 0);  // a container without a network
  EXPECT_EQ(ParseNetDev(head + "    lo: 7 7 0 0 0 0 0 0 7 7 0 0 0 0 0 0\n")->interfaces, 0);
  EXPECT_FALSE(ParseNetDev("").has_value());
  EXPECT_FALSE(ParseNetDev("Inter-|\n face").has_value());
}

}  // namespace
}  // namespace assay
