#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>

#include "collect/record_source.h"
#include "common/clock.h"
#include "common/nanoseconds.h"
#include "tests/unit/agent/request_server.h"

namespace assay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
constexpr int64_t kT0Ns = 1'795'375'800 * kSecond;

// Answers every GET with what a function makes of its path.
class Target {
 public:
  using Answers = std::function<std::pair<int, std::string>(const std::string& path)>;
  explicit Target(Answers answers) : answers_(std::move(answers)) {}

  std::string Url(const std::string& path) const { return server_.Url(path); }
  std::vector<std::string> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  const Answers answers_;
  std::mutex mutex_;
  std::vector<std::string> requests_;
  RequestServer server_{[this](int fd, const std::string& request) {
    const size_t from = request.find(' ') + 1;
    const auto [status, body] = answers_(request.substr(from, request.find(' ', from) - from));
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
    }
    Say(fd, fmt::format("HTTP/1.1 {} X\r\nContent-Length: {}\r\n\r\n{}", status, body.size(), body));
    return true;
  }};
};

class HttpSourceTest : public ::testing::Test {
 protected:
  static RecordSourcePtr Source(const v1::Collector& collector, std::vector<std::string> ids = {}) {
    absl::StatusOr<TaskReader> reader = TaskReader::Make("http", collector, {.t0_unix_ns = kT0Ns});
    EXPECT_TRUE(reader.ok());
    return MakeHttpSource(collector.http(), std::move(ids), *std::move(reader));
  }
  absl::StatusOr<Look> Read(RecordSource& source) { return source.Read({stop_, MonotonicNs() + 60 * kSecond}); }
  absl::StatusOr<Look> Read(const v1::Collector& collector, std::vector<std::string> ids = {}) {
    return Read(*Source(collector, std::move(ids)));
  }
  static v1::Collector Collector(const std::string& url) {
    v1::Collector collector;
    collector.mutable_http()->set_url(url);
    (*collector.mutable_http()->mutable_fields())["task"] = "/id";
    (*collector.mutable_http()->mutable_fields())["state"] = "/state";
    return collector;
  }
  std::atomic<bool> stop_ = false;
};

TEST_F(HttpSourceTest, PagesAreReadToTheEndAndFieldsAreFoundByPointer) {
  Target target([](const std::string& path) -> std::pair<int, std::string> {
    EXPECT_THAT(path, HasSubstr("limit=2"));
    if (path.find("offset=0") != std::string::npos)
      return {
          200,
          R"({"tasks":[{"id":"a","state":"success","t":{"begin":"2026-11-22T19:30:01.5Z"}},{"id":"b","t":{"begin":null}}]})"};
    if (path.find("offset=2") != std::string::npos) return {200, R"({"tasks":[{"id":3,"try":2}]})"};
    return {200, R"({"tasks":[]})"};
  });
  v1::Collector collector = Collector(target.Url("/tasks?offset=$(offset)&limit=$(limit)"));
  v1::Collector::Http& http = *collector.mutable_http();
  http.set_items("/tasks");
  http.set_page(2);
  (*http.mutable_fields())["started"] = "/t/begin";
  (*http.mutable_fields())["attempt"] = "/try";
  (*http.mutable_headers())["Authorization"] = "Bearer x";
  const absl::StatusOr<Look> look = Read(collector);
  ASSERT_TRUE(look.ok()) << look.status();
  ASSERT_EQ(look->tasks.size(), 3u);
  EXPECT_EQ(look->tasks[0].started_ns(), 3 * kSecond / 2);
  EXPECT_EQ(look->tasks[0].outcome(), v1::OK);
  EXPECT_FALSE(look->tasks[1].has_started_ns());
  EXPECT_EQ(look->tasks[2].task(), "3");
  EXPECT_EQ(look->tasks[2].attempt(), 2u);
  EXPECT_EQ(target.requests().size(), 3u);
  EXPECT_THAT(target.requests()[0], HasSubstr("Authorization: Bearer x"));
}

TEST_F(HttpSourceTest, AnApiThatGivesFewerThanItIsAskedForIsReadToItsEnd) {
  Target target([](const std::string& path) -> std::pair<int, std::string> {
    EXPECT_THAT(path, HasSubstr("limit=200"));
    const size_t offset = std::stoul(path.substr(path.find("offset=") + 7));
    std::string items;
    for (size_t i = offset; i < std::min<size_t>(offset + 100, 250); ++i)
      items += fmt::format("{}{{\"id\":{}}}", items.empty() ? "" : ",", i);
    return {200, "[" + items + "]"};
  });
  v1::Collector collector = Collector(target.Url("/tasks?limit=$(limit)&offset=$(offset)"));
  collector.mutable_http()->set_page(200);
  const absl::StatusOr<Look> look = Read(collector);
  ASSERT_TRUE(look.ok()) << look.status();
  ASSERT_EQ(look->tasks.size(), 250u);
  EXPECT_EQ(look->tasks[249].task(), "249");
  EXPECT_EQ(target.requests().size(), 4u) << "the last of them is empty";
}

TEST_F(HttpSourceTest, AnApiThatDoesNotHeedTheOffsetIsToldOf) {
  Target target([](const std::string&) { return std::pair{200, R"([{"id":"a"},{"id":"b"}])"}; });
  v1::Collector collector = Collector(target.Url("/tasks?from=$(offset)"));
  collector.mutable_http()->set_page(2);
  const absl::Status status = Read(collector).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("the page from item 2 begins as the one before"));
  EXPECT_EQ(target.requests().size(), 2u);
}

TEST_F(HttpSourceTest, NorIsItBelievedWhenItsItemsChangeWhileTheyAreRead) {
  std::atomic<int> beat = 0;
  Target target([&](const std::string&) { return std::pair{200, fmt::format(R"([{{"id":"a","beat":{}}}])", ++beat)}; });
  v1::Collector collector = Collector(target.Url("/tasks?from=$(offset)"));
  collector.mutable_http()->set_page(1);
  const absl::Status status = Read(collector).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("the page from item 1 begins as the one before"));
  EXPECT_EQ(target.requests().size(), 2u);
}

TEST_F(HttpSourceTest, PagesWithoutAnEndAreNotReadForEver) {
  Target target([](const std::string& path) { return std::pair{200, fmt::format(R"([{{"id":"{}"}}])", path)}; });
  v1::Collector collector = Collector(target.Url("/tasks?offset=$(offset)"));
  collector.mutable_http()->set_page(1);
  const absl::Status status = Read(collector).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              testing::AllOf(HasSubstr("10000 pages (10000 items) have no end"), HasSubstr("make page larger")));
  EXPECT_EQ(target.requests().size(), 10'000u);
}

TEST_F(HttpSourceTest, AnItemThatComesAgainAsPagesShiftIsOneRecordOfALook) {
  Target target([](const std::string& path) -> std::pair<int, std::string> {
    if (path.ends_with("=0")) return {200, R"([{"id":"a","age":1},{"id":"b","try":1,"age":1}])"};
    // One more stands before the others now.
    if (path.ends_with("=2")) return {200, R"([{"id":"b","try":1,"age":2},{"id":"b","try":2},{"id":"c"},{"id":"c"}])"};
    return {200, "[]"};
  });
  v1::Collector collector = Collector(target.Url("/tasks?offset=$(offset)"));
  collector.mutable_http()->set_page(2);
  (*collector.mutable_http()->mutable_fields())["attempt"] = "/try";
  const RecordSourcePtr source = Source(collector);
  for (const char* which : {"the first look", "the next one, which begins anew"}) {
    const absl::StatusOr<Look> look = Read(*source);
    ASSERT_TRUE(look.ok()) << look.status();
    std::vector<std::string> found;
    for (const v1::TaskRecord& task : look->tasks) found.push_back(fmt::format("{} {}", task.task(), task.attempt()));
    EXPECT_THAT(found, ElementsAre("a 1", "b 1", "b 2", "c 1", "c 1")) << which;
  }
}

TEST_F(HttpSourceTest, APointerThatPointsNowhereIsNamed) {
  Target target([](const std::string&) -> std::pair<int, std::string> {
    return {200, R"([{"id": 1, "state": "success"}, {"id": 2, "state": "success", "begun": "2026-11-22T19:30:01Z"}])"};
  });
  v1::Collector collector = Collector(target.Url("/tasks"));
  auto& fields = *collector.mutable_http()->mutable_fields();
  fields["started"] = "/begun";
  fields["error"] = "/error";
  absl::StatusOr<Look> look = Read(collector);
  ASSERT_TRUE(look.ok()) << look.status();
  EXPECT_EQ(look->problem, "") << "one of them has it, and few have errors";
  fields["finished"] = "/ended";
  look = Read(collector);
  ASSERT_TRUE(look.ok()) << look.status();
  EXPECT_EQ(look->problem,
            "not one of 2 items has a value at /ended (finished); correct it in collect.http.fields, or take it away");
}

TEST_F(HttpSourceTest, OneRequestForEachRemoteIdNamesItInTheRecords) {
  Target target([](const std::string& path) { return std::pair{200, fmt::format(R"([{{"id":"{}"}}])", path)}; });
  const absl::StatusOr<Look> look = Read(Collector(target.Url("/runs/$(remote_id)/tasks")), {"r 1", "r2"});
  ASSERT_TRUE(look.ok()) << look.status();
  std::vector<std::string> found;
  for (const v1::TaskRecord& task : look->tasks) found.push_back(task.task() + " " + task.remote_id());
  EXPECT_THAT(found, ElementsAre("/runs/r%201/tasks r 1", "/runs/r2/tasks r2"));
}

TEST_F(HttpSourceTest, ALoginsTokenIsInTheHeaders) {
  Target target([](const std::string& path) {
    return path == "/token" ? std::pair{201, R"({"access":{"token":"secret"}})"} : std::pair{200, "[]"};
  });
  v1::Collector collector = Collector(target.Url("/tasks"));
  v1::Login& login = *collector.mutable_http()->mutable_login();
  login.set_method("POST");
  login.set_url(target.Url("/token"));
  login.set_body("{\"user\":1}");
  login.set_token("/access/token");
  (*collector.mutable_http()->mutable_headers())["Authorization"] = "Bearer $(token)";
  const absl::StatusOr<Look> look = Read(collector);
  ASSERT_TRUE(look.ok()) << look.status();
  ASSERT_EQ(target.requests().size(), 2u);
  EXPECT_THAT(target.requests()[0], testing::AllOf(testing::StartsWith("POST /token"), HasSubstr("{\"user\":1}")));
  EXPECT_THAT(target.requests()[1], HasSubstr("Authorization: Bearer secret\r"));
  login.set_token("/none");
  EXPECT_THAT(std::string(Read(collector).status().message()),
              HasSubstr("collect.http.login: its answer has no token: /none points nowhere"));
  Target plain([](const std::string&) { return std::pair{200, "secret"}; });
  login.set_url(plain.Url("/token"));
  EXPECT_THAT(std::string(Read(collector).status().message()),
              testing::AllOf(HasSubstr("collect.http.login"), testing::Not(HasSubstr("secret"))));
}

TEST_F(HttpSourceTest, TheEnvironmentsProxyIsNotAsked) {
  Target target([](const std::string&) { return std::pair(200, std::string(R"([{"id": "a", "state": "success"}])")); });
  ASSERT_EQ(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
  const absl::StatusOr<Look> look = Read(Collector(target.Url("/tasks")));
  unsetenv("http_proxy");
  EXPECT_TRUE(look.ok()) << look.status();
}

TEST_F(HttpSourceTest, OnlyARefusedTokenIsAskedForAnew) {
  std::atomic<int> code = 0;
  std::atomic<int> logins = 0;
  Target target([&](const std::string& path) -> std::pair<int, std::string> {
    if (path == "/token") return {200, fmt::format(R"({{"token":"t{}"}})", ++logins)};
    return {code.load(), "[]"};
  });
  v1::Collector collector = Collector(target.Url("/tasks"));
  v1::Login& login = *collector.mutable_http()->mutable_login();
  login.set_method("POST");
  login.set_url(target.Url("/token"));
  login.set_body("{}");
  login.set_token("/token");
  (*collector.mutable_http()->mutable_headers())["Authorization"] = "Bearer $(token)";
  const RecordSourcePtr source = Source(collector);
  for (const int answered : {401, 404, 400, 403, 405, 410, 422}) {
    code = answered;
    EXPECT_EQ(absl::IsUnavailable(Read(*source).status()), answered == 401 || answered == 404) << answered;
    EXPECT_EQ(logins.load(), answered == 401 ? 1 : 2) << answered;
  }
  code = 200;
  EXPECT_TRUE(Read(*source).ok());
  EXPECT_THAT(target.requests().back(), HasSubstr("Authorization: Bearer t2\r"));
}

TEST_F(HttpSourceTest, ARunThatIsNotThereYetIsAskedForAgain) {
  std::atomic<bool> there = false;
  Target target([&](const std::string& path) {
    return path == "/runs/r2/tasks" && !there ? std::pair{404, "no such run"}
                                              : std::pair{200, R"([{"id":"a","state":"success"}])"};
  });
  const RecordSourcePtr source = Source(Collector(target.Url("/runs/$(remote_id)/tasks")), {"r1", "r2"});
  absl::StatusOr<Look> look = Read(*source);
  ASSERT_TRUE(look.ok()) << look.status();
  EXPECT_EQ(look->tasks.size(), 1u) << "the other's record is kept";
  EXPECT_TRUE(look->partial);
  EXPECT_THAT(look->problem,
              testing::AllOf(HasSubstr("1 of 2 remote ids have no records there"),
                             HasSubstr("/runs/r2/tasks answered with 404: no such run"), HasSubstr("correct")));
  const RecordSourcePtr alone = Source(Collector(target.Url("/runs/$(remote_id)/tasks")), {"r2"});
  EXPECT_TRUE(absl::IsUnavailable(Read(*alone).status())) << "nothing is there yet";
  there = true;
  look = Read(*source);
  ASSERT_TRUE(look.ok()) << look.status();
  EXPECT_EQ(look->tasks.size(), 2u);
  EXPECT_FALSE(look->partial);
  EXPECT_EQ(look->problem, "");
}

TEST_F(HttpSourceTest, WhatIsQuotedOfAnAnswerIsPlainText) {
  const std::string begin(299, 'x');
  Target target([&](const std::string&) { return std::pair{500, begin + "\u00e9\u00e9"}; });
  const absl::Status status = Read(Collector(target.Url("/tasks"))).status();
  EXPECT_THAT(std::string(status.message()), testing::EndsWith(begin + "\u00e9...")) << "no character is cut in half";
}

TEST_F(HttpSourceTest, WhatWillNotGetBetterIsForGoodAndTheRestIsNot) {
  const auto status = [this](int code, const std::string& body) {
    Target target([&](const std::string&) { return std::pair{code, body}; });
    return Read(Collector(target.Url("/secret?token=x"))).status();
  };
  for (const int later : {404, 408, 425, 429, 500, 503})
    EXPECT_TRUE(absl::IsUnavailable(status(later, "starting"))) << later;
  for (const int never : {400, 403, 405, 410, 422}) EXPECT_FALSE(absl::IsUnavailable(status(never, ""))) << never;
  const absl::Status refused = status(401, "no");
  EXPECT_FALSE(absl::IsUnavailable(refused));
  EXPECT_THAT(std::string(refused.message()), testing::AllOf(HasSubstr("401"), HasSubstr("login")));
  EXPECT_THAT(std::string(refused.message()), testing::Not(HasSubstr("token=x"))) << "it may be a secret";
  EXPECT_THAT(std::string(status(200, "<html>").message()), HasSubstr("no JSON"));
  EXPECT_THAT(std::string(status(200, R"({"a":1})").message()),
              testing::AllOf(HasSubstr("items: it is no list"), HasSubstr("{\"a\":1}")));
  EXPECT_TRUE(absl::IsUnavailable(Read(Collector("http://127.0.0.1:1/")).status())) << "nobody listens there";
}

TEST_F(HttpSourceTest, APrometheusServersSamplesLieAroundT0) {
  Target target([](const std::string& path) -> std::pair<int, std::string> {
    EXPECT_THAT(
        path,
        HasSubstr("/api/v1/query_range?query=rate%28x%5B1m%5D%29&start=1795375800.000&end=1795375811.000&step=1.000"));
    return {200, R"({"status":"success","data":{"resultType":"matrix","result":[
      {"metric":{"pod":"a"},"values":[[1795375800,"1.5"],[1795375801.25,"NaN"]]},{"metric":{"pod":"b"},"values":[[1795375799,"-2"]]}]}})"};
  });
  v1::Collector::Prometheus prometheus;
  prometheus.set_url(target.Url("/"));
  prometheus.set_step_ns(kSecond);
  (*prometheus.mutable_queries())["load"] = "rate(x[1m])";
  const absl::StatusOr<Look> look = MakePrometheusSource(prometheus, {.t0_unix_ns = kT0Ns, .ended_ns = 10 * kSecond})
                                        ->Read({stop_, MonotonicNs() + 60 * kSecond});
  ASSERT_TRUE(look.ok()) << look.status();
  ASSERT_EQ(look->metrics.size(), 3u);
  EXPECT_EQ(look->metrics[0].name(), "load");
  EXPECT_EQ(look->metrics[0].labels().at("pod"), "a");
  EXPECT_EQ(look->metrics[0].value(), 1.5);
  EXPECT_EQ(look->metrics[1].at_ns(), kSecond + kSecond / 4);
  EXPECT_NE(look->metrics[1].value(), look->metrics[1].value()) << "not a number is a value too";
  EXPECT_EQ(look->metrics[2].at_ns(), -kSecond);
}

}  // namespace
}  // namespace assay
