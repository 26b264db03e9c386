#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <string>

#include "cli/stack/data_dir.h"
#include "cli/stack/local_agents.h"
#include "cli/stack/stack_file.h"
#include "cli/verbs/endpoint.h"
#include "tests/unit/temp_dir.h"

namespace assay {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string DataDirFor(const std::string& flag, std::map<std::string, std::string> environment, bool root) {
  const auto env = [&](const char* name) {
    const auto found = environment.find(name);
    return found == environment.end() ? nullptr : found->second.c_str();
  };
  const absl::StatusOr<std::string> chosen = ChooseDataDir(flag, env, root);
  return chosen.ok() ? *chosen : "error: " + std::string(chosen.status().message());
}

TEST(DataDirTest, TheFirstThatIsGivenWins) {
  const std::map<std::string, std::string> all = {
      {"ASSAY_DATA", "/data"}, {"XDG_DATA_HOME", "/xdg"}, {"HOME", "/home/me"}};
  EXPECT_EQ(DataDirFor("/flag/", all, true), "/flag");
  EXPECT_EQ(DataDirFor("", all, true), "/data");
  EXPECT_EQ(DataDirFor("", {{"XDG_DATA_HOME", "/xdg"}, {"HOME", "/home/me"}}, true), "/xdg/assay");
  EXPECT_EQ(DataDirFor("", {{"HOME", "/root"}}, true), "/var/lib/assay");
  EXPECT_EQ(DataDirFor("", {{"HOME", "/h/me"}}, false), "/h/me/.local/share/assay");
  EXPECT_EQ(DataDirFor("here/./it", {}, false), (std::filesystem::current_path() / "here/it").string());
  EXPECT_THAT(DataDirFor("", {}, false), StartsWith("error: no HOME"));
}

TEST(LocalAgentsTest, ThoseThatFireHaveTheLabels) {
  v1::SweepSpec spec;
  spec.set_agents_min(1);
  EXPECT_EQ(DefaultLocalAgents(spec), 2U);
  EXPECT_EQ(FiringLocalAgents(spec), 2U);
  (*spec.mutable_agents()->mutable_labels())["role"] = "load";
  EXPECT_EQ(FiringLocalAgents(spec), 2U);
  (*spec.mutable_agents()->mutable_labels())["role"] = "target";
  EXPECT_EQ(FiringLocalAgents(spec), 1U) << "the other one fires nothing";
  (*spec.mutable_agents()->mutable_labels())["role"] = "of another host";
  spec.set_agents_min(3);
  EXPECT_EQ(FiringLocalAgents(spec), 3U) << "which are not local";
}

TEST(StackFileTest, FactsSurviveTheirJson) {
  StackFacts facts;
  facts.pid = 4711;
  facts.coordinator = "127.0.0.1:7070";
  facts.url = "postgresql://assay@/assay?host=%2Fa%20\"b";
  facts.agents = 3;
  facts.kept = true;
  const absl::StatusOr<StackFacts> read = ParseStackJson(StackJson(facts));
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->pid, facts.pid);
  EXPECT_EQ(read->coordinator, facts.coordinator);
  EXPECT_EQ(read->url, facts.url);
  EXPECT_EQ(read->agents, 3U);
  EXPECT_TRUE(read->kept);
  EXPECT_FALSE(ParseStackJson("{\"pid\": 1").ok());
  EXPECT_FALSE(ParseStackJson("{\"pid\": 1}").ok());
}

TEST(StackFileTest, AStackIsBelievedOnlyWhileItsLockIsHeld) {
  const TempDir dir;
  StackFacts facts;
  facts.pid = getpid();
  facts.url = "postgresql:///assay";
  {
    absl::StatusOr<StackLock> lock = StackLock::Take(dir.path());
    ASSERT_TRUE(lock.ok());
    EXPECT_TRUE(IsStackLocked(dir.path()));
    EXPECT_FALSE(FindStack(dir.path()));
    ASSERT_TRUE(lock->Announce(facts).ok());
    ASSERT_TRUE(FindStack(dir.path()));
    EXPECT_EQ(FindStack(dir.path())->pid, getpid());
    const absl::Status second = StackLock::Take(dir.path()).status();
    EXPECT_EQ(second.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(second.message()), HasSubstr(std::to_string(getpid())));
  }
  EXPECT_FALSE(IsStackLocked(dir.path()));
  // As a killed process leaves it.
  dir.Write("stack.json", StackJson(facts));
  EXPECT_FALSE(FindStack(dir.path()));
}

TEST(Endpoint, AnAddressForOtherHostsHasAHostsName) {
  char name[256] = "";
  ASSERT_EQ(gethostname(name, sizeof(name) - 1), 0);
  EXPECT_EQ(AddressFromElsewhere("0.0.0.0:7420"), std::string(name) + ":7420");
  EXPECT_EQ(AddressFromElsewhere("[::]:7420"), std::string(name) + ":7420");
  EXPECT_EQ(AddressFromElsewhere("10.0.0.7:7420"), "10.0.0.7:7420");
}

}  // namespace
}  // namespace assay
