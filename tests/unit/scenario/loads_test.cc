#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "coordinator/scenario/load_size.h"
#include "tests/unit/scenario/scenario_text.h"

namespace assay {
namespace {

using testing::ElementsAre;

Plan Loaded(const std::string& load, const std::string& top = "") {
  return MustLoad("name: t\n" + top + "load: {" + load + "}\ntrigger: {sleep: {for: 1ms}}\n");
}

TEST(LoadSize, CountsWhatALoadAsksFor) {
  const auto asked = [](const std::string& load) { return TriggersAsked(Loaded(load).cells.at(0).spec.load()); };
  EXPECT_EQ(asked("open: {rate: 1000000/s}, duration: 1h"), 3.6e9);
  EXPECT_EQ(asked("open: {rate: 1000000/s}, triggers: 7, duration: 1h"), 7);
  EXPECT_EQ(asked("open: {rate: 5/s}, triggers: 7"), 7);
  EXPECT_EQ(asked("open: {ramp: {from: 0/s, to: 100/s, over: 10s}}"), 500);
  EXPECT_EQ(asked("open: {ramp: {from: 0/s, to: 100/s, over: 10s}}, duration: 5s"), 125);
  EXPECT_EQ(asked("open: {steps: [{rate: 10/s, for: 2s}, {rate: 0/s, for: 1s}, {rate: 4/s, for: 2s}]}"), 28);
  EXPECT_EQ(asked("open: {burst: 50}"), 50);
  EXPECT_EQ(asked("open: {every: 500ms, size: 50}, duration: 3s"), 350) << "the wave at the end too";
  EXPECT_EQ(asked("closed: {concurrency: 2}, triggers: 9"), 9);
  EXPECT_EQ(asked("closed: {concurrency: 2}, duration: 9s"), 0) << "its target says";
}

TEST(LoadSize, WarnsOfRatesThatNoAgentFiresAndOfRowsThatNobodyReads) {
  const std::string flood = "open: {rate: 1000000/s}, duration: 1s";
  EXPECT_THAT(LoadWarnings(Loaded(flood), 1),
              ElementsAre(testing::HasSubstr("asks each agent for 1,000,000 triggers per s, and none can start more")));
  EXPECT_THAT(LoadWarnings(Loaded(flood), 5), ElementsAre()) << "200,000 each";
  EXPECT_THAT(LoadWarnings(Loaded("open: {every: 1ms, size: 1000}, duration: 1s"), 4), testing::SizeIs(1));
  EXPECT_THAT(LoadWarnings(Loaded("open: {burst: 1000000}"), 1), ElementsAre()) << "a burst is no rate";
  EXPECT_THAT(LoadWarnings(Loaded("open: {rate: 1000/s}, duration: 1000000s"), 1), ElementsAre());
  EXPECT_THAT(
      LoadWarnings(Loaded("open: {rate: 1000/s}, duration: 1000000s", "blocks: 4\n"), 1),
      ElementsAre(testing::HasSubstr("asks for 4,000,000,000 triggers, each a row of 100 bytes or more: 372.53 GiB")));
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

}  // namespace
}  // namespace assay
