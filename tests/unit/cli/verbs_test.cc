#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "cli/stack/stack_file.h"
#include "tests/unit/cli/assay_program.h"
#include "tests/unit/temp_dir.h"

namespace assay {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST_F(CliTest, HelpOfEveryVerbHasAnExampleAndTheExitCodes) {
  const std::vector<std::vector<std::string>> verbs = {{"run"},
                                                       {"check"},
                                                       {"sweep", "start"},
                                                       {"sweep", "watch"},
                                                       {"sweep", "list"},
                                                       {"sweep", "show"},
                                                       {"sweep", "cancel"},
                                                       {"sweep", "rm"},
                                                       {"agents"},
                                                       {"calibrate"},
                                                       {"export"},
                                                       {"sql"},
                                                       {"driver"},
                                                       {"driver", "test"},
                                                       {"up"},
                                                       {"down"},
                                                       {"schema"},
                                                       {"version"},
                                                       {"help"}};
  for (std::vector<std::string> verb : verbs) {
    verb.push_back("--help");
    const Ran ran = Assay(verb);
    EXPECT_EQ(ran.code, 0) << verb[0];
    EXPECT_THAT(ran.out, HasSubstr("Example:  assay " + verb[0]));
    EXPECT_THAT(ran.out, HasSubstr("130 interrupted"));
    for (const char* noise : {"UINT", "INT in", "TEXT", ":{"}) EXPECT_THAT(ran.out, Not(HasSubstr(noise))) << verb[0];
  }
}

TEST_F(CliTest, HelpIsAVerbToo) {
  EXPECT_EQ(Assay({"help"}).out, Assay({"--help"}).out);
  EXPECT_EQ(Assay({"help", "run"}).out, Assay({"run", "--help"}).out);
  const Ran nested = Assay({"help", "sweep", "start"});
  EXPECT_EQ(nested.code, 0);
  EXPECT_THAT(nested.out, HasSubstr("Usage: assay sweep start [OPTIONS] FILE"));
  EXPECT_EQ(Assay({"help", "run", "x.yaml"}).out, Assay({"run", "--help"}).out);
  const Ran wrong = Assay({"help", "rnu"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("there is no command 'rnu'; did you mean 'run'?"));
}

TEST_F(CliTest, CalibrateRefusesWhatItCannotMeasureBeforeAnythingIsStarted) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> wrong = {
      {{"--kinds", "exec,htp"}, "--kinds 'htp': there is no such kind of trigger; did you mean 'http'?"},
      {{"--kinds", "sql"}, "there are sleep, exec, http, grpc, driver and container"},
      {{"--kinds", "sleep,container"}, "with --container NAME"},
      {{"--container-socket", "/s"}, "--container-socket '/s': say for which container too, with --container NAME"},
      {{"--container-socket", "unix:///s", "--container", "a"},
       "--container-socket 'unix:///s': write the path of the engine's unix socket"},
      {{"--select", "role"}, "--select 'role': write key=value"},
      {{"--concurrency", "0"}, "--concurrency"},
      {{"--concurrency", "257"}, "--concurrency"},
      {{"--coordinator", "http://head:7420"}, "is a URL"},
      {{"--select", "disk=ssd"},
       "assay calibrate --select: the scenario needs 1 agent with disk=ssd, but local agents have role=load"}};
  for (const auto& [words, message] : wrong) {
    std::vector<std::string> arguments = {"calibrate"};
    arguments.insert(arguments.end(), words.begin(), words.end());
    const Ran ran = Assay(arguments);
    EXPECT_EQ(ran.code, 2) << words[1];
    EXPECT_THAT(ran.err, HasSubstr(message));
    EXPECT_EQ(ran.out, "");
  }
  EXPECT_TRUE(std::filesystem::is_empty(data_.path()));
}

TEST_F(CliTest, AnAddressThatIsAUrlIsRefusedWithTheMend) {
  const Ran flag = Assay({"sweep", "list", "--coordinator", "http://head:7420"});
  EXPECT_EQ(flag.code, 2);
  EXPECT_EQ(flag.err,
            "assay: --coordinator 'http://head:7420' is a URL; give HOST:PORT without http://, such as head:7420\n");
  setenv("ASSAY_COORDINATOR", "head", 1);
  const Ran environment = Assay({"agents"});
  unsetenv("ASSAY_COORDINATOR");
  EXPECT_EQ(environment.code, 2);
  EXPECT_THAT(environment.err, StartsWith("assay: ASSAY_COORDINATOR 'head' has no port"));
  const Ran listen = Assay({"up", "--listen", "http://0.0.0.0:7420"});
  EXPECT_EQ(listen.code, 2);
  EXPECT_THAT(listen.err, StartsWith("assay: --listen 'http://0.0.0.0:7420' is a URL"));
  EXPECT_TRUE(std::filesystem::is_empty(data_.path()));
}

TEST_F(CliTest, AWrongWordIsNamedWithTheOneThatWasMeant) {
  EXPECT_EQ(Assay({"rnu", "x.yaml"}).err,
            "assay: there is no command 'rnu'; did you mean 'run'?\nRun `assay --help`.\n");
  EXPECT_THAT(Assay({"sweep", "strat"}).err,
              StartsWith("assay sweep: there is no command 'strat'; did you mean 'start'?"));
  EXPECT_EQ(Assay({"run", "x.yaml", "--agent", "2"}).err,
            "assay run: there is no flag '--agent'; did you mean '--agents'?\nRun `assay run --help`.\n");
  EXPECT_THAT(Assay({"run", "--frobnicate=7"}).err, StartsWith("assay run: there is no flag '--frobnicate'\n"));
  EXPECT_THAT(Assay({"sweep", "start"}).err, StartsWith("assay sweep start: FILE is required\n"));
}

TEST_F(CliTest, BadUsageIsTwoAndStartsNothing) {
  EXPECT_EQ(Assay({}).code, 2);
  EXPECT_EQ(Assay({"frobnicate"}).code, 2);
  EXPECT_EQ(Assay({"run"}).code, 2);
  EXPECT_EQ(Assay({"run", "x.yaml", "--agents", "0"}).code, 2);
  EXPECT_EQ(Assay({"run", "x.yaml", "--frob"}).code, 2);
  EXPECT_EQ(Assay({"sweep"}).code, 2);
  EXPECT_EQ(Assay({"export", "1", "--format", "xml", "--to", "x"}).code, 2);
  EXPECT_EQ(Assay({"export", "1", "--format", "gust", "--view", "run_summary", "--to", "x"}).code, 2);
  EXPECT_EQ(Assay({"sweep", "show", "seven", "--coordinator", "127.0.0.1:1"}).code, 2);
  EXPECT_EQ(Assay({"sweep", "list", "--coordinator", "localhost"}).code, 2);
  EXPECT_TRUE(std::filesystem::is_empty(data_.path()));
}

TEST_F(CliTest, ABadScenarioIsTwoNamesItsPlaceAndStartsNothing) {
  const TempDir dir;
  const std::string file = dir.Write("bad.yaml", "name: x\nblockz: 3\n");
  for (const char* verb : {"run", "check"}) {
    const Ran ran = Assay({verb, file});
    EXPECT_EQ(ran.code, 2);
    EXPECT_THAT(ran.err, HasSubstr(file + ":2:1"));
    EXPECT_THAT(ran.err, HasSubstr("blocks"));
  }
  EXPECT_EQ(Assay({"run", dir.path() + "/missing.yaml"}).code, 2);
  EXPECT_EQ(Assay({"run", dir.path()}).code, 2);
  dir.Write("large.yaml", std::string(2 << 20, '#'));
  EXPECT_EQ(Assay({"check", dir.path() + "/large.yaml"}).code, 2);
  EXPECT_TRUE(std::filesystem::is_empty(data_.path()));
}

constexpr const char* kScenario = R"(name: tiny
grid:
  tasks: [10, 20]
load:
  closed: {concurrency: 2}
  triggers: $(tasks)
trigger:
  sleep: {for: 1ms}
)";

TEST_F(CliTest, SetMayStandBeforeTheFileAndSeveralTimes) {
  const TempDir dir;
  const std::string file = dir.Write("tiny.yaml", kScenario);
  const Ran plain = Assay({"check", file, "--json"});
  EXPECT_EQ(plain.code, 0) << plain.err;
  const Ran set = Assay({"check", "--set", "tasks=[7,8,9]", "--set", "blocks=4", file, "--json"});
  EXPECT_EQ(set.code, 0) << set.err;
  EXPECT_THAT(set.out, HasSubstr("tasks=9"));
  EXPECT_THAT(plain.out, Not(HasSubstr("tasks=9")));
}

TEST_F(CliTest, CheckSaysWhatWillBeAskedAndWhichSecretsAreNotThere) {
  const TempDir dir;
  const std::string file = dir.Write("flows.yaml", R"yaml(name: flows
load: {closed: {concurrency: 1}, triggers: 5}
agents: {select: {role: target}, count: 1}
trigger: {http: {method: POST, url: "$(secret:FLOWS)/runs"}, timeout: 10s}
completion: {http: {url: "$(secret:FLOWS)/runs/$(remote_id)", state: /state, done: [success]}, remote_id: /id}
collect: {postgres: {url: "$(secret:DB)", query: "SELECT id AS task, state FROM t"}, where: {role: target}}
)yaml");
  unsetenv("ASSAY_SECRET_FLOWS");
  setenv("ASSAY_SECRET_DB", "postgresql://me:hush@h/d", 1);
  const Ran ran = Assay({"check", file});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("shown for 1 of the 2 that `assay run` starts (--agents N: for N)\n"));
  EXPECT_THAT(ran.out, HasSubstr("completion  GET $(secret:FLOWS)/runs/$(remote_id)\n"));
  EXPECT_THAT(ran.out, HasSubstr("collect     postgres at $(secret:DB), from the first agent with role=target\n"));
  EXPECT_THAT(ran.out, HasSubstr("warning: the secret 'FLOWS' is not known here: write it into " + data_.path() +
                                 "/secrets/FLOWS, or set ASSAY_SECRET_FLOWS"));
  EXPECT_THAT(ran.out, Not(HasSubstr("'DB'")));
  EXPECT_THAT(ran.out, Not(HasSubstr("hush")));
  const TempDir other;
  EXPECT_THAT(Assay({"check", file, "--data", other.path()}).out, HasSubstr(other.path() + "/secrets/FLOWS"));
  setenv("ASSAY_SECRET_FLOWS", "http://h", 1);
  EXPECT_THAT(Assay({"check", file}).out, Not(HasSubstr("warning")));
  unsetenv("ASSAY_SECRET_FLOWS");
  unsetenv("ASSAY_SECRET_DB");
  EXPECT_THAT(Assay({"check", file}).out,
              testing::AllOf(HasSubstr("'FLOWS' is not known here"), HasSubstr("look on theirs; the same of DB\n"),
                             Not(HasSubstr("'DB' is not known"))))
      << "one line for all of them";
  EXPECT_TRUE(std::filesystem::is_empty(data_.path())) << "nothing is made";
}

TEST_F(CliTest, WithoutACoordinatorItSaysWhoIsMissingAndTheMend) {
  const Ran ran = Assay({"sweep", "list", "--coordinator", "127.0.0.1:1"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_EQ(ran.err,
            "assay: cannot reach a coordinator at 127.0.0.1:1: Connection refused; start one with assay-coordinator or "
            "use `assay up`\n");
  setenv("ASSAY_COORDINATOR", "127.0.0.1:2", 1);
  EXPECT_THAT(Assay({"agents"}).err, HasSubstr("127.0.0.1:2"));
  unsetenv("ASSAY_COORDINATOR");
}

TEST_F(CliTest, WithoutDataReadingSaysSoAndMakesNothing) {
  for (const std::vector<std::string>& verb :
       std::vector<std::vector<std::string>>{{"sweep", "list"},
                                             {"sweep", "show", "last"},
                                             {"sql", "-c", "select 1"},
                                             {"export", "1", "--format", "csv", "--to", "x"}}) {
    const Ran ran = Assay(verb);
    EXPECT_EQ(ran.code, 1);
    EXPECT_THAT(ran.err, HasSubstr("no results in " + data_.path()));
  }
  EXPECT_THAT(Assay({"agents"}).err, HasSubstr("no local stack is up on " + data_.path()));
  EXPECT_TRUE(std::filesystem::is_empty(data_.path()));
}

TEST_F(CliTest, DownWithNothingUpIsNoError) {
  const Ran ran = Assay({"down"});
  EXPECT_EQ(ran.code, 0);
  EXPECT_THAT(ran.out, HasSubstr("nothing is up"));
}

TEST_F(CliTest, DownLeavesTheStackOfAnotherCommandAlone) {
  absl::StatusOr<StackLock> lock = StackLock::Take(data_.path());
  ASSERT_TRUE(lock.ok());
  StackFacts facts;
  facts.pid = getpid();
  facts.url = "postgresql:///assay";
  ASSERT_TRUE(lock->Announce(facts).ok());
  const Ran ran = Assay({"down"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.err, HasSubstr("belongs to another command"));
}

TEST_F(CliTest, SchemaAndVersionPrint) {
  EXPECT_THAT(Assay({"schema"}).out, HasSubstr("\"$schema\""));
  EXPECT_THAT(Assay({"version"}).out, StartsWith("assay 0."));
  EXPECT_EQ(Assay({"--version"}).out, Assay({"version"}).out);
}

}  // namespace
}  // namespace assay
