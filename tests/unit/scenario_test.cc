#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "common/counter_random.h"
#include "coordinator/scenario/plan_text.h"
#include "coordinator/scenario/scenario_loader.h"

namespace assay {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

// Line 1 is "name: t"; what a test adds begins in line 4.
const std::string kBase = "name: t\nload: {closed: {concurrency: 4}, triggers: 10}\ntrigger: {sleep: {for: 1ms}}\n";

absl::StatusOr<Plan> Load(const std::string& yaml, const std::vector<std::string>& sets = {}) {
  return LoadScenario(yaml, "s.yaml", sets);
}

std::string Refusal(const std::string& yaml, const std::vector<std::string>& sets = {}) {
  const absl::StatusOr<Plan> plan = Load(yaml, sets);
  if (plan.ok()) return "accepted";
  EXPECT_EQ(plan.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(plan.status().message());
}

Plan MustLoad(const std::string& yaml, const std::vector<std::string>& sets = {}) {
  absl::StatusOr<Plan> plan = Load(yaml, sets);
  EXPECT_TRUE(plan.ok()) << plan.status();
  return plan.ok() ? *std::move(plan) : Plan{};
}

std::vector<std::string> Labels(const Plan& plan) {
  std::vector<std::string> labels;
  for (const PlannedCell& cell : plan.cells) labels.push_back(cell.label);
  return labels;
}

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// In one order everywhere.
std::vector<std::string> ShippedScenarios() {
  std::vector<std::string> paths;
  for (const auto& file : std::filesystem::directory_iterator(std::filesystem::path(ASSAY_SOURCE_DIR) / "scenarios")) {
    if (file.path().extension() == ".yaml") paths.push_back(file.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

TEST(Scenario, EveryCoreKeyArrives) {
  const Plan plan = MustLoad(R"yaml(
name: all
about: every key
seed: 7
blocks: 5
grid:
  tasks: [1000]
  sleep: [{uniform: [1ms, 10ms]}]
cells: {limit: 10}
agents: {select: {role: load, zone: "1"}, count: 2}
load: {closed: {concurrency: 16}, triggers: $(tasks), duration: 60s}
trigger: {sleep: {for: $(sleep)}, timeout: 30s}
hooks:
  before_sweep: {argv: [./prepare, "$(agent)"], where: {role: target}, timeout: 5s}
  after_sweep: {argv: [./done], where: coordinator}
  before_run: {argv: [./reset, "$(run)", "$(tasks)"], env: {A: "$(block)"}, cwd: /tmp, where: coordinator}
  after_run: {argv: [./tidy, "$(run)"], where: coordinator}
sample: {every: 250ms, cooldown: 2s, host: false, run: true, where: {role: target}, cgroups: ["/system.slice/*", "@postgres"],
  containers: [web, "db-*", 4], compose: [shop, shop/db], labels: {com.example.role: db}, units: ["user@*.service"], pods: [prod/api-*], socket: /run/podman.sock}
on_agent_loss: {repeat: 3}
limits: {failures: 1%, slip_p99: 5ms, start_skew: 20ms}
)yaml");
  EXPECT_EQ(plan.spec.name(), "all");
  EXPECT_EQ(plan.spec.about(), "every key");
  EXPECT_EQ(plan.spec.seed(), 7);
  EXPECT_EQ(plan.spec.blocks(), 5);
  EXPECT_EQ(plan.spec.agents_min(), 2);
  EXPECT_EQ(plan.spec.agents().labels().at("zone"), "1");
  EXPECT_EQ(plan.spec.before_sweep().where().labels().at("role"), "target");
  EXPECT_FALSE(plan.spec.before_sweep().on_coordinator());
  EXPECT_EQ(plan.spec.before_sweep().timeout_ns(), 5'000'000'000);
  EXPECT_THAT(plan.spec.before_sweep().argv(), ElementsAre("./prepare", "$(agent)"));
  EXPECT_TRUE(plan.spec.after_sweep().on_coordinator());
  EXPECT_EQ(plan.spec.after_sweep().timeout_ns(), 60'000'000'000);
  EXPECT_EQ(plan.spec.on_agent_loss(), v1::SweepSpec::REPEAT);
  EXPECT_EQ(plan.spec.repeat_limit(), 3);
  EXPECT_DOUBLE_EQ(plan.spec.limits().failures_fraction(), 0.01);
  EXPECT_EQ(plan.spec.limits().slip_p99_ns(), 5'000'000);
  EXPECT_EQ(plan.spec.limits().start_skew_ns(), 20'000'000);
  ASSERT_EQ(plan.cells.size(), 1);
  const v1::CellSpec& cell = plan.cells[0].spec;
  EXPECT_EQ(plan.cells[0].label, "tasks=1000 sleep=1ms..10ms");
  EXPECT_EQ(plan.cells[0].params_json, R"({"tasks": 1000, "sleep": {"uniform": ["1ms", "10ms"]}})");
  EXPECT_EQ(cell.target(), "all");
  EXPECT_EQ(cell.load().closed().concurrency(), 16);
  EXPECT_EQ(cell.load().triggers(), 1000);
  EXPECT_EQ(cell.load().duration_ns(), 60'000'000'000);
  EXPECT_EQ(cell.trigger().timeout_ns(), 30'000'000'000);
  EXPECT_EQ(cell.trigger().sleep().length().uniform().min_ns(), 1'000'000);
  EXPECT_EQ(cell.trigger().sleep().length().uniform().max_ns(), 10'000'000);
  EXPECT_THAT(cell.before_run().argv(), ElementsAre("./reset", "$(run)", "1000"));
  EXPECT_EQ(cell.before_run().env().at("A"), "$(block)");
  EXPECT_EQ(cell.before_run().cwd(), "/tmp");
  EXPECT_TRUE(cell.after_run().on_coordinator());
  EXPECT_EQ(cell.sampling().every_ns(), 250'000'000);
  EXPECT_EQ(cell.sampling().cooldown_ns(), 2'000'000'000);
  EXPECT_TRUE(cell.sampling().run());
  EXPECT_FALSE(cell.sampling().host());
  EXPECT_EQ(cell.sampling().where().labels().at("role"), "target");
  EXPECT_THAT(cell.sampling().cgroups(), ElementsAre("/system.slice/*", "@postgres"));
  EXPECT_THAT(cell.sampling().containers(), ElementsAre("web", "db-*", "4"));
  EXPECT_THAT(cell.sampling().compose(), ElementsAre("shop", "shop/db"));
  EXPECT_EQ(cell.sampling().labels().at("com.example.role"), "db");
  EXPECT_THAT(cell.sampling().units(), ElementsAre("user@*.service"));
  EXPECT_THAT(cell.sampling().pods(), ElementsAre("prod/api-*"));
  EXPECT_EQ(cell.sampling().socket(), "/run/podman.sock");
  EXPECT_THAT(plan.warnings, IsEmpty());
}

TEST(Scenario, DefaultsAreThoseOfTheReference) {
  const Plan plan = MustLoad(kBase + "sample: {}\n");
  EXPECT_EQ(plan.spec.seed(), 1);
  EXPECT_EQ(plan.spec.blocks(), 1);
  EXPECT_EQ(plan.spec.agents_min(), 1);
  EXPECT_EQ(plan.spec.on_agent_loss(), v1::SweepSpec::REPEAT);
  EXPECT_EQ(plan.spec.repeat_limit(), 2);
  EXPECT_LT(plan.spec.limits().failures_fraction(), 0);
  EXPECT_LT(plan.spec.limits().slip_p99_ns(), 0);
  EXPECT_LT(plan.spec.limits().start_skew_ns(), 0);
  ASSERT_EQ(plan.cells.size(), 1);
  EXPECT_EQ(plan.cells[0].label, "t");
  EXPECT_EQ(plan.cells[0].params_json, "{}");
  EXPECT_EQ(plan.cells[0].spec.sampling().every_ns(), 1'000'000'000);
  EXPECT_EQ(plan.cells[0].spec.sampling().cooldown_ns(), 5'000'000'000);
  EXPECT_FALSE(plan.cells[0].spec.sampling().run());
  EXPECT_TRUE(plan.cells[0].spec.sampling().host());
  EXPECT_FALSE(plan.cells[0].spec.sampling().has_where());
  EXPECT_FALSE(MustLoad(kBase).cells[0].spec.has_sampling());
}

TEST(Scenario, AgentLossPolicies) {
  EXPECT_EQ(MustLoad(kBase + "on_agent_loss: fail\n").spec.on_agent_loss(), v1::SweepSpec::FAIL);
  EXPECT_EQ(MustLoad(kBase + "on_agent_loss: accept\n").spec.on_agent_loss(), v1::SweepSpec::ACCEPT);
  EXPECT_EQ(MustLoad(kBase + "on_agent_loss: {repeat: 0}\n").spec.repeat_limit(), 0);
}

TEST(Scenario, SleepLengths) {
  const auto length = [](const std::string& text) {
    return MustLoad("name: t\nload: {closed: {concurrency: 1}, triggers: 1}\ntrigger: {sleep: {for: " + text + "}}\n")
        .cells.at(0)
        .spec.trigger()
        .sleep()
        .length();
  };
  EXPECT_EQ(length("250us").fixed_ns(), 250'000);
  EXPECT_EQ(length("0").fixed_ns(), 0);
  EXPECT_EQ(length("{exponential: 5ms}").exponential_mean_ns(), 5'000'000);
  EXPECT_THAT(length("{list: [1ms, 2ms, 0]}").list().ns(), ElementsAre(1'000'000, 2'000'000, 0));
  EXPECT_EQ(length("{uniform: [5ms, 5ms]}").uniform().max_ns(), 5'000'000);
}

TEST(Scenario, HooksOnContainers) {
  const Plan plan = MustLoad(kBase + R"yaml(
hooks:
  before_sweep: {container: {stop: box, socket: /run/podman.sock}, where: {role: target}}
  before_run: {compose: {restart: "stack-$(target)", wait: healthy}, timeout: 5m}
  after_run: {container: {start: "$(agent)-$(run)", wait: running}}
)yaml");
  const v1::ContainerAction& stop = plan.spec.before_sweep().containers();
  EXPECT_EQ(stop.action(), v1::ContainerAction::STOP);
  EXPECT_EQ(stop.container(), "box");
  EXPECT_EQ(stop.socket(), "/run/podman.sock");
  EXPECT_EQ(stop.wait(), v1::ContainerAction::NONE);
  EXPECT_EQ(plan.spec.before_sweep().where().labels().at("role"), "target");
  const v1::Hook& before = plan.cells.at(0).spec.before_run();
  EXPECT_EQ(before.containers().action(), v1::ContainerAction::RESTART);
  EXPECT_EQ(before.containers().compose_project(), "stack-t");
  EXPECT_EQ(before.containers().container(), "");
  EXPECT_EQ(before.containers().socket(), "/var/run/docker.sock");
  EXPECT_EQ(before.containers().wait(), v1::ContainerAction::HEALTHY);
  EXPECT_EQ(before.timeout_ns(), 300'000'000'000);
  EXPECT_EQ(plan.cells.at(0).spec.after_run().containers().container(), "$(agent)-$(run)");
  EXPECT_EQ(plan.cells.at(0).spec.after_run().containers().wait(), v1::ContainerAction::RUNNING);
}

TEST(Scenario, OpenLoops) {
  const auto load = [](const std::string& open, const std::string& bounds) {
    return MustLoad("name: t\nload: {open: {" + open + "}" + bounds + "}\ntrigger: {sleep: {for: 1ms}}\n")
        .cells.at(0)
        .spec.load();
  };
  const v1::Load rate = load("rate: 500/s, arrivals: poisson, deadline: 2s, in_flight: 64", ", triggers: 10");
  EXPECT_EQ(rate.triggers(), 10);
  EXPECT_EQ(rate.duration_ns(), 0);
  EXPECT_EQ(rate.open().in_flight(), 64);
  EXPECT_EQ(rate.open().deadline_ns(), 2'000'000'000);
  EXPECT_TRUE(rate.open().rates().poisson());
  ASSERT_EQ(rate.open().rates().segments_size(), 1);
  EXPECT_EQ(rate.open().rates().segments(0).from_per_s(), 500);
  EXPECT_EQ(rate.open().rates().segments(0).for_ns(), 0);
  EXPECT_EQ(load("rate: 30/m", ", duration: 1h").open().rates().segments(0).from_per_s(), 0.5);
  EXPECT_EQ(load("rate: 1/s", ", duration: 1h").open().in_flight(), 1000);

  const v1::Load ramp = load("ramp: {from: 0/s, to: 100/s, over: 10s}", "");
  EXPECT_EQ(ramp.duration_ns(), 10'000'000'000) << "it ends by itself";
  EXPECT_EQ(ramp.open().rates().segments(0).to_per_s(), 100);
  const v1::Load steps = load("steps: [{rate: 10/s, for: 2s}, {rate: 0/s, for: 1s}]", ", duration: 1h");
  EXPECT_EQ(steps.duration_ns(), 3'000'000'000);
  EXPECT_EQ(steps.open().rates().segments_size(), 2);
  EXPECT_EQ(load("steps: [{rate: 10/s, for: 2s}]", ", duration: 1s").duration_ns(), 1'000'000'000);

  const v1::Load burst = load("burst: 50", "");
  EXPECT_EQ(burst.triggers(), 50);
  EXPECT_EQ(burst.open().waves().every_ns(), 0);
  EXPECT_EQ(load("burst: 50", ", triggers: 100").triggers(), 50) << "there is one burst";
  const v1::Load waves = load("every: 5m, size: 3", ", triggers: 9");
  EXPECT_EQ(waves.open().waves().every_ns(), 300'000'000'000);
  EXPECT_EQ(waves.open().waves().size(), 3);
  EXPECT_EQ(load("every: 5m", ", duration: 1h").open().waves().size(), 1);
}

TEST(Scenario, HttpTriggers) {
  const auto http = [](const std::string& keys) {
    return MustLoad("name: t\ngrid: {n: [7]}\nload: {closed: {concurrency: 1}, triggers: 1}\ntrigger: {http: {" + keys +
                    "}, timeout: 1s}\n")
        .cells.at(0)
        .spec.trigger()
        .http();
  };
  const v1::HttpTrigger get = http("url: \"http://h/$(n)/$(index)\"");
  EXPECT_EQ(get.method(), "GET");
  EXPECT_EQ(get.url(), "http://h/7/$(index)");
  ASSERT_EQ(get.expect_size(), 1);
  EXPECT_EQ(get.expect(0).from(), 200);
  EXPECT_EQ(get.expect(0).to(), 299);
  EXPECT_EQ(get.version(), v1::HttpTrigger::AUTO);
  const v1::HttpTrigger post = http(
      "url: \"https://h\", headers: {X-A: \"$(agent)\"}, version: \"2\", tls: {verify: false, ca: /x.pem}, "
      "connect_timeout: 1s, "
      "first_byte_timeout: 2s, expect: {status: [201, 4xx]}, body: {json: {n: $(n), i: \"$(index)\", t: \"a "
      "$(index)\", l: "
      "[1, true, null, \"$$(index)\"], d: 10ms}}");
  EXPECT_EQ(post.method(), "POST");
  EXPECT_EQ(post.body(),
            R"json({"n": 7, "i": $(index), "t": "a $(index)", "l": [1, true, null, "$$(index)"], "d": "10ms"})json");
  EXPECT_EQ(post.headers().at("Content-Type"), "application/json");
  EXPECT_EQ(post.headers().at("X-A"), "$(agent)");
  EXPECT_EQ(post.version(), v1::HttpTrigger::HTTP2);
  EXPECT_TRUE(post.insecure());
  EXPECT_EQ(post.ca_file(), "/x.pem");
  EXPECT_EQ(post.connect_timeout_ns(), 1'000'000'000);
  EXPECT_EQ(post.first_byte_timeout_ns(), 2'000'000'000);
  ASSERT_EQ(post.expect_size(), 2);
  EXPECT_EQ(post.expect(0).to(), 201);
  EXPECT_EQ(post.expect(1).from(), 400);
  EXPECT_EQ(http("url: \"http://h\", method: PUT, body: {text: \"x $(index)\"}").body(), "x $(index)");
}

TEST(Scenario, GrpcTriggers) {
  const auto grpc = [](const std::string& keys) {
    return MustLoad("name: t\ngrid: {n: [7]}\nload: {closed: {concurrency: 1}, triggers: 1}\ntrigger: {grpc: {" + keys +
                    "}, timeout: 1s}\n")
        .cells.at(0)
        .spec.trigger()
        .grpc();
  };
  const v1::GrpcTrigger bare = grpc("target: \"h:50051\", method: pkg.Service/Call");
  EXPECT_EQ(bare.target(), "h:50051");
  EXPECT_EQ(bare.method(), "pkg.Service/Call");
  EXPECT_EQ(bare.payload_case(), v1::GrpcTrigger::PAYLOAD_NOT_SET);
  EXPECT_FALSE(bare.tls());
  EXPECT_EQ(bare.expect_code(), 0);
  EXPECT_EQ(bare.connections(), 1);
  const v1::GrpcTrigger full = grpc(
      "target: \"h$(n)-$(agent):50051\", method: S/Call, descriptors: /srv/x.pb, metadata: {x-a: \"$(index)\"}, "
      "tls: {ca: /x.pem}, expect: {status: NOT_FOUND}, connections: 4, json: {n: $(n), i: \"$(index)\", t: \"a "
      "$(run)\"}");
  EXPECT_EQ(full.target(), "h7-$(agent):50051");
  EXPECT_EQ(full.json(), R"json({"n": 7, "i": $(index), "t": "a $(run)"})json");
  EXPECT_EQ(full.descriptors(), "/srv/x.pb");
  EXPECT_EQ(full.metadata().at("x-a"), "$(index)");
  EXPECT_TRUE(full.tls());
  EXPECT_FALSE(full.insecure());
  EXPECT_EQ(full.ca_file(), "/x.pem");
  EXPECT_EQ(full.expect_code(), 5);
  EXPECT_EQ(full.connections(), 4);
  const v1::GrpcTrigger raw =
      grpc("target: \"unix:/run/x.sock\", method: S/Call, bytes: \"CgF4AA==\", tls: {verify: false}");
  EXPECT_EQ(raw.raw(), std::string("\x0a\x01x\0", 4));
  EXPECT_TRUE(raw.insecure());
  EXPECT_TRUE(grpc("target: \"h:1\", method: S/Call, tls: {}").tls());
}

TEST(Scenario, ContainerTriggers) {
  const v1::ContainerTrigger container =
      MustLoad(
          "name: t\nload: {closed: {concurrency: 1}, triggers: 1}\ntrigger: {container: {name: web, argv: [dags, "
          "\"$(index)\"], env: {A: \"$(run)\"}, cwd: /srv, user: airflow, in_flight: 7}}\n")
          .cells.at(0)
          .spec.trigger()
          .container();
  EXPECT_EQ(container.name(), "web");
  EXPECT_THAT(container.argv(), ElementsAre("dags", "$(index)"));
  EXPECT_EQ(container.env().at("A"), "$(run)");
  EXPECT_EQ(container.cwd(), "/srv");
  EXPECT_EQ(container.user(), "airflow");
  EXPECT_EQ(container.in_flight(), 7);
  EXPECT_EQ(container.socket(), "/var/run/docker.sock");
}

TEST(Scenario, ATargetMayReplaceAClosedLoopByAnOpenOne) {
  const Plan plan = MustLoad(kBase + "targets:\n  a:\n  b: {load: {open: {rate: 5/s}}}\n");
  EXPECT_TRUE(plan.cells.at(0).spec.load().has_closed());
  EXPECT_EQ(plan.cells.at(1).spec.load().open().rates().segments(0).from_per_s(), 5);
  EXPECT_EQ(plan.cells.at(1).spec.load().triggers(), 10);
}

TEST(Scenario, ProductOfAxesAndZip) {
  const Plan plan = MustLoad(kBase + R"yaml(
grid:
  a: [1, 2]
  zip:
    workers: [1, 4]
    pool: [8, 32]
  b: [x, "y z"]
sample: {cgroups: ["/$(a)/$(workers)/$(pool)/$(b)"]}
)yaml");
  EXPECT_THAT(Labels(plan),
              ElementsAre("a=1 workers=1 pool=8 b=x", "a=1 workers=1 pool=8 b=y z", "a=1 workers=4 pool=32 b=x",
                          "a=1 workers=4 pool=32 b=y z", "a=2 workers=1 pool=8 b=x", "a=2 workers=1 pool=8 b=y z",
                          "a=2 workers=4 pool=32 b=x", "a=2 workers=4 pool=32 b=y z"));
  EXPECT_THAT(plan.cells[3].spec.sampling().cgroups(), ElementsAre("/1/4/32/y z"));
  for (uint32_t i = 0; i < plan.cells.size(); ++i) EXPECT_EQ(plan.cells[i].position, i);
}

TEST(Scenario, TheKeyOfACellDoesNotDependOnItsPlace) {
  const std::string text = kBase + "sample: {cgroups: [\"/$(a)$(b)\"]}\n";
  const auto keys = [](const Plan& plan) {
    std::set<std::string> found;
    for (const PlannedCell& cell : plan.cells) found.insert(std::to_string(cell.spec.key()));
    return found;
  };
  const Plan small = MustLoad(text + "grid: {a: [1, 2], b: [3]}\n");
  const Plan turned = MustLoad(text + "grid: {b: [3], a: [2, 1]}\n");
  const Plan larger = MustLoad(text + "grid: {a: [9, 1, 2], b: [3, 4]}\n");
  EXPECT_EQ(keys(small), keys(turned));
  EXPECT_EQ(keys(larger).size(), 6);
  for (const std::string& key : keys(small)) EXPECT_TRUE(keys(larger).contains(key));
}

TEST(Scenario, ReferencesKeepTheirTypeAsAWholeAndAreTextInside) {
  const Plan plan = MustLoad(R"yaml(
name: t
grid:
  load: [{closed: {concurrency: 3}, triggers: 7}]
  command: [[tool, -v, "100%"]]
  n: [12]
  word: ["007"]
load: $(load)
trigger:
  exec:
    argv: $(command)
    env: {N: "$(n)", S: "n=$(n) w=$(word)", T: "$(target)/$(index)"}
  timeout: $(n)s
)yaml");
  ASSERT_EQ(plan.cells.size(), 1);
  const v1::CellSpec& cell = plan.cells[0].spec;
  EXPECT_EQ(cell.load().triggers(), 7);
  EXPECT_EQ(cell.load().closed().concurrency(), 3);
  EXPECT_THAT(cell.trigger().exec().argv(), ElementsAre("tool", "-v", "100%"));
  EXPECT_EQ(cell.trigger().timeout_ns(), 12'000'000'000);
  EXPECT_EQ(cell.trigger().exec().env().at("N"), "12");
  EXPECT_EQ(cell.trigger().exec().env().at("S"), "n=12 w=007");
  EXPECT_EQ(cell.trigger().exec().env().at("T"), "t/$(index)");
  EXPECT_THAT(plan.cells[0].params_json, HasSubstr(R"("n": 12, "word": "007")"));
}

TEST(Scenario, GridValuesAreLiteralAndEscapesStayForTheAgent) {
  const Plan plan = MustLoad(R"yaml(
name: t
about: a literal $$(x)
grid: {v: ["a$(index)b"]}
load: {closed: {concurrency: 1}, triggers: 1}
trigger: {exec: {argv: [echo, "$(v)", "<$(v)>", "$$(date)", "$(index)"]}, timeout: 1s}
sample: {cgroups: ["/$$(x)"]}
)yaml");
  EXPECT_EQ(plan.spec.about(), "a literal $(x)");
  EXPECT_THAT(plan.cells.at(0).spec.trigger().exec().argv(),
              ElementsAre("echo", "a$$(index)b", "<a$$(index)b>", "$$(date)", "$(index)"));
  EXPECT_THAT(plan.cells[0].spec.sampling().cgroups(), ElementsAre("/$(x)"));
  EXPECT_EQ(plan.cells[0].params_json, R"({"v": "a$(index)b"})");
}

TEST(Scenario, TargetsSayWhatDiffers) {
  const Plan plan = MustLoad(R"yaml(
name: t
grid: {tasks: [10, 20]}
load: {closed: {concurrency: 4}, triggers: $(tasks)}
trigger: {sleep: {for: 1ms}, timeout: 9s}
sample: {every: 1s, where: {role: target}}
hooks:
  before_sweep: {argv: [once]}
  before_run: {argv: [reset, "$(target)"], env: {A: "1", B: "2"}, where: {role: target}}
targets:
  same:
  process:
    trigger: {exec: {argv: [echo, "$(target)"]}}
    hooks: {before_run: {argv: [other], env: {B: "3"}, where: coordinator}, after_run: {argv: [tidy]}}
  slow:
    grid: {tasks: [5], wait: [1s]}
    load: {closed: {concurrency: 1}}
    trigger: {sleep: {for: $(wait)}}
    sample: {every: 2s}
)yaml");
  EXPECT_THAT(Labels(plan), ElementsAre("target=same tasks=10", "target=same tasks=20", "target=process tasks=10",
                                        "target=process tasks=20", "target=slow tasks=5 wait=1s"));
  const v1::CellSpec& same = plan.cells.at(0).spec;
  EXPECT_EQ(same.target(), "same");
  EXPECT_EQ(same.trigger().sleep().length().fixed_ns(), 1'000'000);
  EXPECT_THAT(same.before_run().argv(), ElementsAre("reset", "same"));
  const v1::CellSpec& process = plan.cells.at(3).spec;
  EXPECT_THAT(process.trigger().exec().argv(), ElementsAre("echo", "process"));
  EXPECT_EQ(process.trigger().timeout_ns(), 9'000'000'000);
  EXPECT_EQ(process.load().triggers(), 20);
  EXPECT_THAT(process.before_run().argv(), ElementsAre("other"));
  EXPECT_EQ(process.before_run().env().at("A"), "1");
  EXPECT_EQ(process.before_run().env().at("B"), "3");
  EXPECT_TRUE(process.before_run().on_coordinator());
  EXPECT_TRUE(process.has_after_run());
  EXPECT_FALSE(same.has_after_run());
  const v1::CellSpec& slow = plan.cells.at(4).spec;
  EXPECT_EQ(slow.load().closed().concurrency(), 1);
  EXPECT_EQ(slow.load().triggers(), 5);
  EXPECT_EQ(slow.sampling().every_ns(), 2'000'000'000);
  EXPECT_EQ(slow.sampling().where().labels().at("role"), "target");
}

// What is compared gets the same sleeps: a difference then is the targets' own.
TEST(Scenario, TargetsWithTheSameValuesGetTheSameWork) {
  const Plan plan =
      MustLoad(kBase + "grid: {n: [1, 2]}\ntargets:\n  a: {hooks: {after_run: {argv: [\"$(n)\"]}}}\n  b:\n");
  ASSERT_EQ(plan.cells.size(), 4U);
  EXPECT_EQ(plan.cells[0].spec.key(), plan.cells[2].spec.key());
  EXPECT_EQ(plan.cells[1].spec.key(), plan.cells[3].spec.key());
  EXPECT_NE(plan.cells[0].spec.key(), plan.cells[1].spec.key());
}

TEST(Scenario, OneAnchorMayServeSeveralPlaces) {
  const Plan plan = MustLoad(R"yaml(
name: t
load: &l {closed: {concurrency: 4}, triggers: 10}
targets:
  a: {load: *l, trigger: {sleep: {for: 1ms}}}
  b: {load: *l, trigger: {sleep: {for: 2ms}}}
)yaml");
  EXPECT_EQ(plan.cells.size(), 2);
}

struct BadCase {
  std::string name;
  std::string yaml;
  std::string place;  // "line:column"
  std::string what;
  std::string mend;
};

void PrintTo(const BadCase& c, std::ostream* out) { *out << c.name; }

class BadScenario : public ::testing::TestWithParam<BadCase> {};

TEST_P(BadScenario, IsRefusedWithPlaceAndMend) {
  const BadCase& bad = GetParam();
  const std::string message = Refusal(bad.yaml);
  EXPECT_THAT(message, StartsWith("s.yaml:" + bad.place + ": "));
  EXPECT_THAT(message, HasSubstr(bad.what));
  EXPECT_THAT(message, HasSubstr(bad.mend));
}

const std::string kProcess = "name: t\nload: {closed: {concurrency: 1}, triggers: 1}\n";

INSTANTIATE_TEST_SUITE_P(
    Keys, BadScenario,
    ::testing::Values(
        BadCase{"unknown", kBase + "blokcs: 3\n", "4:1", "unknown key 'blokcs' in the scenario",
                "did you mean 'blocks'?"},
        BadCase{"nested", "name: t\nload:\n  closed: {concurrency: 4}\n  trigers: 10\n", "4:3",
                "unknown key 'trigers' in load", "did you mean 'triggers'?"},
        BadCase{"elsewhere", kBase + "concurrency: 3\n", "4:1", "unknown key 'concurrency'",
                "it belongs in load.closed"},
        BadCase{"far", kBase + "zzzzzz: 3\n", "4:1", "unknown key 'zzzzzz'", "known here: name, about, seed"},
        BadCase{"open_and_closed", "name: t\nload: {open: {rate: 5/s}, closed: {concurrency: 1}}\n", "2:27",
                "load has both 'open' and 'closed'", "keep one of them"},
        BadCase{"driver", "name: t\ntrigger: {driver: {argv: [x]}}\n", "2:11",
                "'driver' in trigger is not supported by this version", "sleep, exec, container, http, grpc"},
        BadCase{"grpc_key", kProcess + "trigger: {grpc: {target: \"h:1\", method: p.S/C, metdata: {a: b}}}\n", "3:48",
                "unknown key 'metdata' in trigger.grpc", "did you mean 'metadata'?"},
        BadCase{"grpc_no_method", kProcess + "trigger: {grpc: {target: \"h:1\"}}\n", "3:17",
                "trigger.grpc lacks 'method'", "add method"},
        BadCase{"grpc_target", kProcess + "trigger: {grpc: {target: h, method: p.S/C}}\n", "3:26",
                "trigger.grpc.target: ", "write HOST:PORT or unix:PATH"},
        BadCase{"grpc_target_index", kProcess + "trigger: {grpc: {target: \"h$(index):1\", method: p.S/C}}\n", "3:26",
                "trigger.grpc.target cannot refer to $(index)", "not its target"},
        BadCase{"grpc_method", kProcess + "trigger: {grpc: {target: \"h:1\", method: p.S.C}}\n", "3:41",
                "trigger.grpc.method cannot be p.S.C", "write package.Service/Call"},
        BadCase{"grpc_both", kProcess + "trigger: {grpc: {target: \"h:1\", method: p.S/C, json: {}, bytes: AA==}}\n",
                "3:58", "trigger.grpc has both 'json' and 'bytes'", "keep one of them"},
        BadCase{"grpc_bytes", kProcess + "trigger: {grpc: {target: \"h:1\", method: p.S/C, bytes: \"@@\"}}\n", "3:55",
                "trigger.grpc.bytes is not base64", "as 'base64 FILE' prints it"},
        BadCase{"grpc_code",
                kProcess + "trigger: {grpc: {target: \"h:1\", method: p.S/C, expect: {status: NOT_FOUN}}}\n", "3:65",
                "trigger.grpc.expect.status cannot be", "did you mean 'NOT_FOUND'?"},
        BadCase{"grpc_metadata", kProcess + "trigger: {grpc: {target: \"h:1\", method: p.S/C, metadata: {X-A: b}}}\n",
                "3:59", "trigger.grpc.metadata: 'X-A' cannot be a name", "lower-case"},
        BadCase{"grpc_reserved",
                kProcess + "trigger: {grpc: {target: \"h:1\", method: p.S/C, metadata: {grpc-timeout: 1S}}}\n", "3:59",
                "'grpc-timeout' is set by gRPC itself", ""},
        BadCase{"http_scheme", kProcess + "trigger: {http: {url: \"db:80/x\"}}\n", "3:23",
                "trigger.http.url has no scheme: db:80/x", "write http://db:80/x or https://db:80/x"},
        BadCase{"http_status", kProcess + "trigger: {http: {url: \"http://h\", expect: {status: 2x}}}\n", "3:52",
                "trigger.http.expect.status cannot be '2x'", "200 or 2xx"},
        BadCase{"http_name", kProcess + "trigger: {http: {url: \"http://h\", body: {json: [\"$(nme)\"]}}}\n", "3:50",
                "nme", ""},
        BadCase{"http_key", kProcess + "trigger: {http: {url: \"http://h\", body: {json: {$(index): 1}}}}\n", "3:49",
                "cannot refer", "write it out"},
        BadCase{"compare", kBase + "compare: {baseline: a}\n", "4:1", "'compare' in the scenario is not supported",
                "supported here"},
        BadCase{"setup", kBase + "targets: {a: {setup: {argv: [x]}}}\n", "4:15",
                "'setup' in targets.a is not supported", "supported here"},
        BadCase{"duplicate", kBase + "seed: 1\nblocks: 2\nseed: 3\n", "6:1",
                "the key 'seed' stands twice in this map, first in line 4", "remove one"},
        BadCase{"both", "name: t\ntrigger: {sleep: {for: 1s}, exec: {argv: [a]}}\n", "2:29",
                "trigger has both 'sleep' and 'exec'", "keep one"},
        BadCase{"missing_name", "load: {}\n", "1:1", "the scenario lacks 'name'", "add name:"},
        BadCase{"missing_load", "name: t\ntrigger: {sleep: {for: 1s}}\n", "1:1", "the scenario lacks 'load'",
                "add load:"},
        BadCase{"missing_argv", kProcess + "trigger: {exec: {cwd: /}}\n", "3:17", "trigger.exec lacks 'argv'",
                "add argv: a list"},
        BadCase{"no_kind", kProcess + "trigger: {timeout: 1s}\n", "3:10", "trigger does not say which kind",
                "add sleep or exec"},
        BadCase{"unbounded", "name: t\nload: {closed: {concurrency: 4}}\ntrigger: {sleep: {for: 1ms}}\n", "2:7",
                "neither how many triggers nor how long", "triggers: 1000"},
        BadCase{"open_without_arrivals", "name: t\nload: {open: {deadline: 1s}}\ntrigger: {sleep: {for: 1s}}\n", "2:14",
                "load.open does not say which kind it is", "add rate or ramp or steps"},
        BadCase{"open_unbounded", "name: t\nload: {open: {rate: 5/s}}\ntrigger: {sleep: {for: 1s}}\n", "2:7",
                "neither how many triggers nor how long", "triggers: 1000"},
        BadCase{"open_silent",
                "name: t\nload: {open: {ramp: {from: 0/s, to: 0/s, over: 1s}}}\ntrigger: {sleep: {for: 1s}}\n", "2:14",
                "load.open never fires", "a rate above 0/s"},
        BadCase{"open_size", "name: t\nload: {open: {burst: 5, size: 3}}\ntrigger: {sleep: {for: 1s}}\n", "2:31",
                "load.open.size goes only with every", "leave it out"},
        BadCase{"open_poisson_burst",
                "name: t\nload: {open: {burst: 5, arrivals: poisson}}\ntrigger: {sleep: {for: 1s}}\n", "2:35",
                "load.open.arrivals goes only with rate, ramp, steps", "leave it out"},
        BadCase{"open_rate", "name: t\nload: {open: {rate: 5 per s}}\n", "2:21",
                "load.open.rate cannot be '5 per s': that is not a rate", "500/s, 30/m or 2/h"},
        BadCase{"open_zero", "name: t\nload: {open: {rate: 0/s}}\n", "2:21", "load.open.rate is out of range: 0/s",
                "from 0.001/s"},
        BadCase{"sweep_hook_in_target", kBase + "targets: {a: {hooks: {before_sweep: {argv: [x]}}}}\n", "4:23",
                "unknown key 'before_sweep'", ""}),
    [](const auto& info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Values, BadScenario,
    ::testing::Values(
        BadCase{"word_for_number", "name: t\nload: {closed: {concurrency: many}}\n", "2:30",
                "load.closed.concurrency cannot be 'many'", "write a whole number from 1 to 1000000"},
        BadCase{"zero", "name: t\nload: {closed: {concurrency: 0}}\n", "2:30",
                "load.closed.concurrency is out of range: 0", "from 1 to 1000000"},
        BadCase{"overflow", kBase + "seed: 99999999999999999999999\n", "4:7", "seed is out of range", "from 0 to"},
        BadCase{"triggers", "name: t\nload: {closed: {concurrency: 1}, triggers: 100000001}\n", "2:44",
                "load.triggers is out of range", "to 100000000"},
        BadCase{"blocks", kBase + "blocks: 10001\n", "4:9", "blocks is out of range: 10001", "from 1 to 10000"},
        BadCase{"fraction_of_integer", kBase + "blocks: 1.5\n", "4:9", "blocks cannot be '1.5'", "whole number"},
        BadCase{"quoted_number", kBase + "blocks: \"3\"\n", "4:9", "blocks cannot be a text", "remove the quotes"},
        BadCase{"list_for_number", kBase + "blocks: [3]\n", "4:9", "blocks cannot be a list", "whole number"},
        BadCase{"empty", kBase + "blocks:\nseed: 1\n", "4:1", "blocks cannot be empty", "whole number"},
        BadCase{"null", kBase + "blocks: ~\n", "4:9", "blocks cannot be empty", "whole number"},
        BadCase{"no_unit", kBase + "sample: {every: 10}\n", "4:17",
                "sample.every cannot be '10': that is not a duration", "a number with a unit such as 250us"},
        BadCase{"bad_unit", kBase + "sample: {every: 10 sec}\n", "4:17", "sample.every cannot be '10 sec'",
                "from 10ms to 1h"},
        BadCase{"too_often", kBase + "sample: {every: 9ms}\n", "4:17", "sample.every is out of range: 9ms",
                "from 10ms to 1h"},
        BadCase{"negative", kBase + "sample: {cooldown: -1s}\n", "4:20", "sample.cooldown cannot be '-1s'",
                "a duration from 0s"},
        BadCase{"boolean", kBase + "sample: {host: yes}\n", "4:16", "sample.host cannot be 'yes'",
                "write true or false"},
        BadCase{"container_path", kBase + "sample: {containers: [/web]}\n", "4:23",
                "sample.containers[0] cannot be '/web'", "a name without '/'"},
        BadCase{"container_empty", kBase + "sample: {containers: [\"\"]}\n", "4:23",
                "sample.containers[0] cannot be ''", "a glob such as"},
        BadCase{"compose_parts", kBase + "sample: {compose: [a/b/c]}\n", "4:20", "sample.compose[0] cannot be 'a/b/c'",
                "shop or shop/db"},
        BadCase{"container_key", kBase + "sample: {contaners: [web]}\n", "4:10", "unknown key 'contaners' in sample",
                "did you mean 'containers'?"},
        BadCase{"container_text", kBase + "sample: {containers: web}\n", "4:22", "sample.containers cannot be 'web'",
                "a list of"},
        BadCase{"glob", kBase + "sample: {cgroups: [system.slice]}\n", "4:20",
                "sample.cgroups[0] cannot be 'system.slice'", "a path glob such as"},
        BadCase{"fraction", kBase + "limits: {failures: 200%}\n", "4:20", "limits.failures cannot be '200%'",
                "a percentage such as 1%"},
        BadCase{"loss", kBase + "on_agent_loss: fial\n", "4:16", "on_agent_loss cannot be 'fial'",
                "did you mean 'fail'?"},
        BadCase{"loss_far", kBase + "on_agent_loss: whatever\n", "4:16", "on_agent_loss cannot be 'whatever'",
                "fail or accept, or a map with repeat"},
        BadCase{"container_on_coordinator", kBase + "hooks: {before_run: {container: {stop: b}, where: coordinator}}\n",
                "4:51", "a hook on containers runs on an agent", "where: {role: target}"},
        BadCase{"container_env", kBase + "hooks: {before_run: {compose: {stop: b}, env: {A: b}}}\n", "4:47",
                "env in a hook goes only with argv", "leave it out"},
        BadCase{"argv_and_container", kBase + "hooks: {before_run: {argv: [a], container: {stop: b}}}\n", "4:33",
                "hooks.before_run has both 'argv' and 'container'", "keep one of them"},
        BadCase{"nothing_to_do", kBase + "hooks: {before_run: {container: {wait: healthy}}}\n", "4:33",
                "hooks.before_run.container does not say which kind it is", "restart or stop or start"},
        BadCase{"where", kBase + "hooks: {after_run: {argv: [x], where: coordinater}}\n", "4:39",
                "hooks.after_run.where cannot be", "did you mean 'coordinator'?"},
        BadCase{"sleep", kProcess + "trigger: {sleep: {for: long}}\n", "3:24", "trigger.sleep.for cannot be 'long'",
                "or a map with uniform, exponential, list"},
        BadCase{"uniform_turned", kProcess + "trigger: {sleep: {for: {uniform: [10ms, 1ms]}}}\n", "3:34",
                "the shortest sleep 10ms is above the longest 1ms", "write [1ms, 10ms]"},
        BadCase{"uniform_three", kProcess + "trigger: {sleep: {for: {uniform: [1ms, 2ms, 3ms]}}}\n", "3:34",
                "has 3 values", "a list of 2 values"},
        BadCase{"uniform_unit", kProcess + "trigger: {sleep: {for: {uniform: [1ms, 10]}}}\n", "3:40",
                "trigger.sleep.for.uniform[1] cannot be '10'", "a number with a unit"},
        BadCase{"argv_text", kProcess + "trigger: {exec: {argv: echo hello}}\n", "3:24",
                "trigger.exec.argv cannot be 'echo hello'", "such as [a, b]"},
        BadCase{"argv_empty", kProcess + "trigger: {exec: {argv: []}}\n", "3:24", "trigger.exec.argv has 0 values",
                "a list of 1 to"},
        BadCase{"argv_no_program", kProcess + "trigger: {exec: {argv: [\"\"]}}\n", "3:25",
                "the program's name is empty", "argv: [program"},
        BadCase{"argv_nested", kProcess + "trigger: {exec: {argv: [a, [b]]}}\n", "3:28",
                "trigger.exec.argv[1] cannot be a list", "a text"},
        BadCase{"env_name", kProcess + "trigger: {exec: {argv: [a], env: {A=B: c}}}\n", "3:35",
                "'A=B' cannot be a name in trigger.exec.env", "no '='"},
        BadCase{"name", "name: a b\n", "1:7", "name cannot be 'a b'", "a name: letters, digits"},
        BadCase{"target_name", kBase + "targets: {a b: {}}\n", "4:11", "'a b' cannot name a target", "a name: letters"},
        BadCase{"no_targets", kBase + "targets: {}\n", "4:10", "targets cannot be empty", "a map of targets"},
        BadCase{"not_a_map", "- a\n- b\n", "1:1", "a scenario is a map of keys", "name: ..."},
        BadCase{"column_in_characters", kBase + "limits: {\"\xc3\xa4\xc3\xa4\": 1, failures: 2}\n", "4:10",
                "unknown key", "known here"},
        BadCase{"after_wide_characters",
                "name: t\nabout: \"\xe2\x82\xac\xe2\x82\xac\"\nhooks: {before_sweep: {argv: [\"\xe2\x82\xac\"], where: "
                "5}}\n",
                "3:44", "where cannot be '5'", "coordinator"}),
    [](const auto& info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(
    References, BadScenario,
    ::testing::Values(
        BadCase{"unknown",
                "name: t\ngrid: {tasks: [1]}\nload: {closed: {concurrency: 1}, triggers: $(task)}\ntrigger: {sleep: "
                "{for: 1ms}}\n",
                "3:44", "$(task) refers to nothing", "did you mean $(tasks)?"},
        BadCase{"inside_text", kProcess + "trigger: {exec: {argv: [sh, -c, \"x=$(date)\"]}}\n", "3:36",
                "$(date) refers to nothing", "for a literal $( write $$("},
        BadCase{"secret", kProcess + "trigger: {exec: {argv: [a, \"$(secret:KEY)\"]}}\n", "3:29",
                "$(secret:...) is not supported by this version", ""},
        BadCase{"unclosed", kProcess + "trigger: {exec: {argv: [a, \"b $(index\"]}}\n", "3:31", "this $( is not closed",
                "write $$("},
        BadCase{"wrong_type",
                "name: t\ngrid: {tasks: [many]}\nload: {closed: {concurrency: 1}, triggers: $(tasks)}\ntrigger: "
                "{sleep: {for: 1ms}}\n",
                "3:44", "load.triggers cannot be 'many'; here $(tasks) is many", "whole number"},
        BadCase{"map_for_number",
                "name: t\ngrid: {n: [{a: 1}]}\nload: {closed: {concurrency: 1}, triggers: $(n)}\ntrigger: {sleep: "
                "{for: 1ms}}\n",
                "3:44", "load.triggers cannot be a map; here $(n) is {a: 1}", "whole number"},
        BadCase{"map_in_text",
                "name: t\ngrid: {n: [{a: 1}]}\nload: {closed: {concurrency: 1}, triggers: 1}\ntrigger: {exec: {argv: "
                "[\"x$(n)\"]}}\n",
                "4:25", "only a number or a text can be put inside a text; $(n) is {a: 1}", "whole value"},
        BadCase{"bad_in_grid",
                "name: t\ngrid:\n  sleep: [{uniform: [1ms, 2]}]\nload: {closed: {concurrency: 1}, triggers: "
                "1}\ntrigger: {sleep: {for: $(sleep)}}\n",
                "3:27", "trigger.sleep.for.uniform[1] cannot be '2'", "with a unit"},
        BadCase{"index_in_load",
                "name: t\nload: {closed: {concurrency: 1}, triggers: $(index)}\ntrigger: {sleep: {for: 1ms}}\n", "2:44",
                "load.triggers cannot refer to $(index)", "known only in trigger.exec"},
        BadCase{"index_in_sample", kBase + "sample: {cgroups: [\"/$(index)\"]}\n", "4:20",
                "sample.cgroups[0] cannot refer to $(index)", "known only in trigger.exec"},
        BadCase{"index_in_hook", kBase + "hooks: {before_run: {argv: [a, $(index)]}}\n", "4:32",
                "cannot refer to $(index)", "differs from trigger to trigger"},
        BadCase{"run_in_sweep_hook", kBase + "hooks: {before_sweep: {argv: [a, $(run)]}}\n", "4:34",
                "hooks.before_sweep.argv[1] cannot refer to $(run)", "hooks around a run"},
        BadCase{"axis_in_limits", kBase + "grid: {f: [1%]}\nlimits: {failures: $(f)}\n", "5:20",
                "limits.failures cannot refer to $(f): it is the same for all cells", "write the value"},
        BadCase{"new_reference",
                "name: t\ngrid: {v: [\"a$\"]}\nload: {closed: {concurrency: 1}, triggers: 1}\ntrigger: {exec: {argv: "
                "[e, \"$(v)$(index)\"]}, timeout: 1s}\n",
                "4:28", "makes a new reference", "between them"}),
    [](const auto& info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Grid, BadScenario,
    ::testing::Values(
        BadCase{"scalar", kBase + "grid: {tasks: 1000}\n", "4:15", "the axis 'tasks' needs a list",
                "write tasks: [1000]"},
        BadCase{"empty", kBase + "grid: {tasks: []}\n", "4:15", "the axis 'tasks' needs a list", "write tasks: ["},
        BadCase{"null_value", kBase + "grid: {tasks: [1, ~]}\n", "4:19", "the axis 'tasks' has an empty value", ""},
        BadCase{"built_in", kBase + "grid: {run: [1]}\n", "4:8", "an axis cannot be called 'run'", "another name"},
        BadCase{"name", kBase + "grid: {a b: [1]}\n", "4:8", "'a b' cannot name an axis", "letters"},
        BadCase{"twice", kBase + "grid: {a: [1, 2, 1]}\n", "4:18", "the value 1 of 'a' stands twice", "raise blocks"},
        BadCase{"zip_lengths", kBase + "grid:\n  zip:\n    workers: [1, 4]\n    pool: [8, 16, 32]\n", "7:5",
                "'pool' has 3 values but 'workers' has 2", "as many values"},
        BadCase{"zip_and_axis", kBase + "grid: {a: [1], zip: {a: [2]}}\n", "4:22",
                "the axis 'a' stands in the grid twice", "remove one"},
        BadCase{"zip_list", kBase + "grid: {zip: [1]}\n", "4:13", "zip must be a map of axes", "zip: {workers"},
        BadCase{"limit", kBase + "grid:\n  a: [1, 2, 3]\n  b: [1, 2]\ncells: {limit: 5}\n", "5:3",
                "the grid has 6 cells, the limit is 5", "cells: {limit: 6}"},
        BadCase{"default_limit",
                kBase + "grid: {a: [1,2,3,4,5,6,7,8,9,10], b: [1,2,3,4,5,6,7,8,9,10], c: [1,2,3,4,5,6]}\n", "4:7",
                "600 cells, the limit is 500", "600"}),
    [](const auto& info) { return info.param.name; });

std::string Repeated(const std::string& text, size_t times) {
  std::string out;
  for (size_t i = 0; i < times; ++i) out += text;
  return out;
}

INSTANTIATE_TEST_SUITE_P(
    Yaml, BadScenario,
    ::testing::Values(
        BadCase{"no_content", "", "1:1", "the file is empty", "name: ..."},
        BadCase{"only_comment", "# nothing\n", "1:1", "the file is empty", "name: ..."},
        BadCase{"tab", "name: t\nload:\n\tclosed: {concurrency: 4}\n", "3:1", "a tab indents this line",
                "indent with spaces, never with tabs"},
        BadCase{"unquoted_at", kBase + "sample: {cgroups: [@postgres]}\n", "4:20", "this is not YAML", "needs quotes"},
        BadCase{"unclosed_list", kBase + "grid: {a: [1, 2\n", "5:1", "this is not YAML", "close the list with ]"},
        BadCase{"colon_in_text", kBase + "about: one: two\n", "4:11", "this is not YAML", "needs quotes"},
        BadCase{"two_documents", kBase + "---\n" + kBase, "4:1", "a second document begins here",
                "one scenario per file"},
        BadCase{"not_utf8", "name: t\nabout: \"a\xff\"\n", "2:10", "the byte 0xff is not UTF-8",
                "save the file as UTF-8"},
        BadCase{"overlong", "name: \xc0\xaf\n", "1:7", "the byte 0xc0 is not UTF-8", "UTF-8"},
        BadCase{"utf16", std::string("\xff\xfen\0a\0", 6), "1:1", "the byte 0xff is not UTF-8", "UTF-8"},
        BadCase{"control", "name: t\nabout: a\x01\n", "2:9", "the control character 0x01", "remove it"},
        BadCase{"nul", "name: t\nabout: \"a\\0\"\n", "2:8", "a NUL character", "remove"},
        BadCase{"tag", "name: t\nblocks: !!int 3\n", "2:9", "the tag", "remove the tag"},
        BadCase{"merge_key", "name: t\na: &a {x: 1}\nload: {<<: *a}\n", "3:8", "merge keys", "write the keys out"},
        BadCase{"complex_key", "name: t\n? [a, b]\n: 1\n", "2:3", "a key must be a word", "key: value"},
        BadCase{"unknown_alias", "name: t\nload: *l\n", "2:7", "this is not YAML", "&name"},
        BadCase{"own_alias", "name: t\nload: &l [*l]\n", "2:11", "refers to a value that holds it",
                "write the value out"},
        BadCase{"deep", "name: t\nload: " + Repeated("[", 100) + Repeated("]", 100) + "\n", "2:69",
                "nested more than 64 levels", "flatten"},
        BadCase{"deep_aliases",
                "name: t\na: &a " + Repeated("[", 40) + Repeated("]", 40) + "\nb: " + Repeated("[", 40) + "*a" +
                    Repeated("]", 40) + "\n",
                "3:44", "nested more than 64 levels", "flatten"},
        BadCase{"many", "name: t\nload: [" + Repeated("1,", 30'000) + "]\n", "2:39998", "more than 20000 values",
                "split"},
        BadCase{"alias_bomb",
                "name: t\na: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c "
                "[*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
                "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: "
                "[*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n",
                "6:8", "more than 20000 values here, aliases counted", "fewer aliases"}),
    [](const auto& info) { return info.param.name; });

TEST(ScenarioErrors, ShowTheLineWithACaret) {
  EXPECT_EQ(Refusal("name: t\nload:\n  closed: {concurrency: 4}\n  trigers: 10\n"),
            "s.yaml:4:3: unknown key 'trigers' in load\n"
            "    trigers: 10\n"
            "    ^\n"
            "did you mean 'triggers'?");
  EXPECT_EQ(Refusal("name: t\r\nabout: \"\xc3\xa4\"\r\nblocks: 0\r\n"),
            "s.yaml:3:9: blocks is out of range: 0\n"
            "  blocks: 0\n"
            "          ^\n"
            "write a whole number from 1 to 10000");
}

TEST(ScenarioErrors, ShowOnlyAPartOfALongLine) {
  const std::string message =
      Refusal(kBase + "about: " + std::string(5'000, 'x') + "\nsample: {cgroups: [" + std::string(5'000, 'y') + "]}\n");
  EXPECT_LT(message.size(), 600);
  EXPECT_THAT(message, StartsWith("s.yaml:5:20: "));
}

TEST(ScenarioSize, AHugeFileIsRefusedAtOnce) {
  const std::string huge(100'000'000, '[');
  const auto begin = std::chrono::steady_clock::now();
  const std::string message = Refusal(huge);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
  EXPECT_THAT(message,
              StartsWith("s.yaml:1:1: the file is longer than 1.0 MiB, which no scenario is\nis this the right file?"));
}

TEST(ScenarioSize, AHugeGridIsRefusedWithoutExpandingIt) {
  std::string values;
  for (int i = 0; i < 1'000; ++i) values += std::to_string(i) + ",";
  std::string yaml = kBase + "grid:\n";
  for (int axis = 0; axis < 10; ++axis) yaml += "  a" + std::to_string(axis) + ": [" + values + "]\n";
  EXPECT_THAT(Refusal(yaml), StartsWith("s.yaml:5:3: the grid has more than 2^64 cells, the limit is 500"));
  EXPECT_THAT(Refusal(yaml + "cells: {limit: 100000}\n"), HasSubstr("the limit is 100000"));
}

TEST(ScenarioSize, NastyInputTakesLittleTime) {
  // What a parser with a quadratic or recursive habit would choke on; each is as large as a file may be.
  const auto begin = std::chrono::steady_clock::now();
  for (const std::string& unit : {"[",   "{",    "- ",    "? ",   ": ", "a: ", "&a ", "!",   "'",  "\"",
                                  "|\n", "[a: ", "{a: [", "- - ", "#",  "a\n", "\n ", "*a ", ", ", "%"}) {
    const std::string text = "name: t\nload: " + Repeated(unit, (1 << 20) / unit.size() - 20);
    EXPECT_NE(Refusal(text), "accepted") << unit;
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(60));
}

TEST(Sets, ReplaceAxes) {
  const std::string yaml =
      kBase + "grid: {tasks: [1, 2], zip: {a: [1], b: [2]}}\nsample: {cgroups: [\"/$(tasks)$(a)$(b)\"]}\n";
  EXPECT_THAT(Labels(MustLoad(yaml, {"tasks=[1000,100000]"})),
              ElementsAre("tasks=1000 a=1 b=2", "tasks=100000 a=1 b=2"));
  EXPECT_THAT(Labels(MustLoad(yaml, {"tasks=7"})), ElementsAre("tasks=7 a=1 b=2"));
  EXPECT_THAT(
      Labels(MustLoad(
          "name: t\ngrid: {s: [1ms]}\nload: {closed: {concurrency: 1}, triggers: 1}\ntrigger: {sleep: {for: $(s)}}\n",
          {"s={uniform: [1ms, 2ms]}"})),
      ElementsAre("s=1ms..2ms"));
  EXPECT_THAT(Labels(MustLoad(yaml, {"tasks=1", "a=[5,6]", "b=[7,8]"})),
              ElementsAre("tasks=1 a=5 b=7", "tasks=1 a=6 b=8"));
  EXPECT_THAT(Labels(MustLoad(yaml, {"grid.tasks=7"})), ElementsAre("tasks=7 a=1 b=2"));
  EXPECT_THAT(Refusal(yaml, {"a=[5,6]"}), HasSubstr("in zip, 'b' has 1 values but 'a' has 2"));
}

TEST(Sets, AddAnAxisThatTheScenarioRefersTo) {
  const std::string yaml =
      "name: t\nload: {closed: {concurrency: 1}, triggers: $(tasks)}\ntrigger: {sleep: {for: 1ms}}\n";
  EXPECT_THAT(Refusal(yaml), HasSubstr("$(tasks) refers to nothing"));
  EXPECT_THAT(Labels(MustLoad(yaml, {"tasks=[3,4]"})), ElementsAre("tasks=3", "tasks=4"));
}

TEST(Sets, ReplaceValuesByPath) {
  const Plan plan = MustLoad(kBase + "agents: {select: {a.b/c: x}}\n",
                             {"blocks=3", "sample.every=500ms", "load.closed.concurrency=32", "agents.select.a.b/c=y",
                              "name=other", "about=two words"});
  EXPECT_EQ(plan.spec.blocks(), 3);
  EXPECT_EQ(plan.spec.name(), "other");
  EXPECT_EQ(plan.spec.about(), "two words");
  EXPECT_EQ(plan.spec.agents().labels().at("a.b/c"), "y");
  EXPECT_EQ(plan.cells[0].spec.sampling().every_ns(), 500'000'000);
  EXPECT_EQ(plan.cells[0].spec.load().closed().concurrency(), 32);
}

TEST(Sets, ReachIntoTargets) {
  const std::string yaml = kBase +
                           "targets:\n  v1.2: {grid: {n: [1]}, load: {triggers: $(n)}}\n  b: {grid: {n: [2]}, load: "
                           "{triggers: $(n)}}\n  c: {}\n";
  EXPECT_THAT(Labels(MustLoad(yaml, {"n=[8,9]"})),
              ElementsAre("target=v1.2 n=8", "target=v1.2 n=9", "target=b n=8", "target=b n=9", "target=c"));
  EXPECT_THAT(Labels(MustLoad(yaml, {"targets.v1.2.grid.n=5"})),
              ElementsAre("target=v1.2 n=5", "target=b n=2", "target=c"));
  EXPECT_EQ(MustLoad(yaml, {"targets.c.load.triggers=77"}).cells.at(2).spec.load().triggers(), 77);
}

TEST(Sets, AnAxisWinsOverAKeyOfTheSameName) {
  const Plan plan = MustLoad(kBase + "grid: {blocks: [1, 2]}\nsample: {cgroups: [\"/$(blocks)\"]}\n", {"blocks=[5]"});
  EXPECT_THAT(Labels(plan), ElementsAre("blocks=5"));
  EXPECT_EQ(plan.spec.blocks(), 1);
}

struct BadSet {
  std::string set;
  std::string what;
  std::string mend;
};

TEST(Sets, ErrorsNameTheArgument) {
  const std::string yaml = kBase + "grid: {tasks: [1, 2]}\nsample: {cgroups: [\"/$(tasks)\"]}\n";
  const std::vector<BadSet> cases{
      {"taks=[1]", "no axis, key or reference called 'taks'", "did you mean 'tasks'?"},
      {"block=3", "called 'block'", "did you mean 'blocks'?"},
      {"sample.evry=1s", "unknown key 'evry' in sample", "did you mean 'every'?"},
      {"sample.every=1", "sample.every cannot be '1'", "a number with a unit"},
      {"tasks=[1,", "this is not YAML", "close the list with ]"},
      {"tasks=", "there is no value", "name=value"},
      {"tasks", "this sets nothing", "write name=value"},
      {"=1", "this sets nothing", "write name=value"},
      {"tasks=[]", "the axis 'tasks' needs a list", "tasks: ["},
      {"tasks=[1,1]", "stands twice", "remove one"},
      {"blocks.x=1", "there is no place for 'x'", "set the whole value"},
      {"sample..every=1s", "a name is missing here", "key.path=value"},
      {"load.open.rate=5", "load.open.rate cannot be '5': that is not a rate", "500/s"},
      {"sample.pods=x", "sample.pods cannot be 'x'", "write a list of 0 to 1000 values"},
      {"compare.margin=5%", "'compare' in the scenario is not supported by this version", "supported here"},
      {"seed=\xff", "is not UTF-8", "UTF-8"},
  };
  for (const BadSet& bad : cases) {
    const std::string message = Refusal(bad.set == "blocks.x=1" ? yaml + "blocks: 2\n" : yaml, {bad.set});
    EXPECT_THAT(message, StartsWith("--set " + bad.set + ": ")) << bad.set;
    EXPECT_THAT(message, HasSubstr(bad.what)) << bad.set;
    EXPECT_THAT(message, HasSubstr(bad.mend)) << bad.set;
  }
  EXPECT_EQ(Refusal(yaml, {"sample.every=1"}),
            "--set sample.every=1: sample.every cannot be '1': that is not a duration\n"
            "  sample.every=1\n"
            "               ^\n"
            "write a duration from 10ms to 1h, a number with a unit such as 250us, 10ms, 30s, 2m or 1h");
}

TEST(Warnings, WhatIsProbablyNotMeant) {
  EXPECT_THAT(
      MustLoad(kBase + "grid: {tasks: [1, 2]}\n").warnings,
      ElementsAre("s.yaml:4:8: nothing refers to the axis 'tasks': its cells differ in name only; use $(tasks)"));
  EXPECT_THAT(MustLoad(kProcess + "trigger: {exec: {argv: [\"true\"]}}\n").warnings,
              ElementsAre(HasSubstr("trigger.timeout is not set")));
  EXPECT_THAT(MustLoad(kBase + "grid: {tasks: [1]}\n", {"tasks=[1,2]"}).warnings,
              ElementsAre(StartsWith("--set tasks=[1,2]: nothing refers")));
}

TEST(Shipped, EveryScenarioLoads) {
  for (const std::string& path : ShippedScenarios()) {
    const absl::StatusOr<Plan> plan = LoadScenario(ReadFile(path), path, {});
    ASSERT_TRUE(plan.ok()) << plan.status();
    EXPECT_FALSE(plan->cells.empty());
    EXPECT_THAT(plan->warnings, IsEmpty()) << path;
  }
  EXPECT_GE(ShippedScenarios().size(), 5U);
}

TEST(Shipped, TheExampleOfTheReferenceLoads) {
  const std::string page = ReadFile(std::filesystem::path(ASSAY_SOURCE_DIR) / "docs/scenario.md");
  const size_t begin = page.find("```yaml\n") + 8;
  const Plan plan = MustLoad(page.substr(begin, page.find("```", begin) - begin));
  EXPECT_EQ(plan.cells.size(), 6);
  EXPECT_EQ(plan.spec.blocks(), 5);
}

TEST(Shipped, TheQuickstartCoversItsSizesInUnderAMinute) {
  const std::filesystem::path path = std::filesystem::path(ASSAY_SOURCE_DIR) / "scenarios/quickstart.yaml";
  const Plan plan = MustLoad(ReadFile(path));
  EXPECT_THAT(Labels(plan), UnorderedElementsAre("target=sleeps tasks=1000", "target=sleeps tasks=4000",
                                                 "target=sleeps tasks=16000", "target=processes processes=300"));
  int64_t shortest_ns = 0;
  for (const PlannedCell& cell : plan.cells) shortest_ns += ShortestRunNs(cell.spec, 1) * plan.spec.blocks();
  EXPECT_LT(shortest_ns, 30'000'000'000);
}

TEST(Shipped, TheFullGridOfTheOverheadStudyIsOneSetAway) {
  const std::filesystem::path path = std::filesystem::path(ASSAY_SOURCE_DIR) / "scenarios/scheduler-overhead.yaml";
  const Plan plan = MustLoad(
      ReadFile(path),
      {"tasks=[1000,2000,4000,8000,16000,32000,64000,80000,100000,128000]",
       "sleep=[{uniform: [1ms, 10ms]}, {uniform: [10ms, 100ms]}, {uniform: [30ms, 300ms]}, {uniform: [100ms, 1s]}]"});
  ASSERT_EQ(plan.cells.size(), 40);
  EXPECT_EQ(plan.cells.back().spec.load().triggers(), 128'000);
}

// JSON as far as brackets and quotes go.
TEST(Schema, IsWellFormedAndNamesEveryKey) {
  const std::string schema = ScenarioSchema();
  EXPECT_THAT(schema, StartsWith(R"({"$schema": "https://json-schema.org/draft/2020-12/schema")"));
  for (const std::string key : {"name", "blocks", "grid", "concurrency", "uniform", "argv", "before_sweep", "cgroups",
                                "on_agent_loss", "slip_p99", "targets"}) {
    EXPECT_THAT(schema, HasSubstr("\"" + key + "\": {")) << key;
  }
  EXPECT_THAT(schema, Not(HasSubstr("\"compare\"")));
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < schema.size(); ++i) {
    if (quoted && schema[i] == '\\') {
      ++i;
    } else if (schema[i] == '"') {
      quoted = !quoted;
    } else if (!quoted) {
      depth += schema[i] == '{' || schema[i] == '[' ? 1 : schema[i] == '}' || schema[i] == ']' ? -1 : 0;
      ASSERT_GE(depth, 0);
    }
  }
  EXPECT_EQ(depth, 0);
  EXPECT_FALSE(quoted);
}

// Damaged files: whatever comes out is a plan or a placed error, never a crash. The same damage in every run.
TEST(Damage, IsRefusedOrPlanned) {
  std::vector<std::string> seeds;
  for (const std::string& path : ShippedScenarios()) seeds.push_back(ReadFile(path));
  const std::string letters = "[]{}:,-&*!|>'\"%@`$()#?~ \n\t0a\xff";
  uint64_t refused = 0;
  for (uint64_t round = 0; round < 3'000; ++round) {
    std::string text = seeds[DrawBits(1, round) % seeds.size()];
    for (uint64_t i = 0; i <= DrawBits(2, round) % 4; ++i) {
      const size_t at = DrawBits(3 + i, round) % text.size();
      const size_t kind = DrawBits(9 + i, round) % 3;
      if (kind == 0) text[at] = letters[DrawBits(17 + i, round) % letters.size()];
      if (kind == 1) text.erase(at, 1 + DrawBits(23 + i, round) % 20);
      if (kind == 2) text.insert(at, text.substr(DrawBits(31 + i, round) % text.size(), 30));
    }
    const absl::StatusOr<Plan> plan = Load(text);
    if (plan.ok()) continue;
    ++refused;
    EXPECT_THAT(std::string(plan.status().message()), StartsWith("s.yaml:")) << text;
  }
  EXPECT_GT(refused, 500);
}

}  // namespace
}  // namespace assay
