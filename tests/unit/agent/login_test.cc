// The token of a login in the headers of others, and secrets: what the target gets, and what comes into no record.
#include <gmock/gmock.h>

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include "http_fixture.h"
#include "request_server.h"
#include "tests/unit/temp_dir.h"

namespace assay {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// POST /login gives token-1, token-2, ...; all else wants the newest.
class TokenServer {
 public:
  std::string Url(const std::string& path) const { return server_.Url(path); }
  int logins() const { return logins_; }
  void Revoke() { revoked_ = true; }
  std::string login_request() const {
    const std::lock_guard lock(mutex_);
    return login_request_;
  }

  std::atomic<int> refuses_logins = 0;    // with this status
  std::atomic<bool> refuses_all = false;  // whatever the token

 private:
  bool Take(int fd, const std::string& request) {
    std::string status = "200 OK";
    std::string body = R"({"state": "success", "run_id": "r"})";
    if (request.starts_with("POST /login")) {
      const std::lock_guard lock(mutex_);
      login_request_ = request;
      body = R"({"data": {"token": "token-)" + std::to_string(++logins_) + "\"}}";
      revoked_ = false;
      if (refuses_logins != 0) status = std::to_string(refuses_logins) + " No";
      if (refuses_logins != 0) body = "wrong password";
    } else if (refuses_all || revoked_ ||
               request.find("\r\nAuthorization: Bearer token-" + std::to_string(logins_) + "\r\n") ==
                   std::string::npos) {
      status = "401 Unauthorized";
      body = request;
    }
    Say(fd, "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    return true;
  }

  mutable std::mutex mutex_;
  std::string login_request_;
  std::atomic<int> logins_ = 0;
  std::atomic<bool> revoked_ = false;
  RequestServer server_{[this](int fd, const std::string& request) { return Take(fd, request); }};
};

class LoginTest : public HttpTriggerTest {
 protected:
  v1::ShareSpec LoginSpec(const TokenServer& server, uint64_t count) {
    v1::ShareSpec spec = Spec(server.Url("/work"), count);
    v1::HttpTrigger& http = *spec.mutable_trigger()->mutable_http();
    (*http.mutable_headers())["Authorization"] = "Bearer $(token)";
    v1::Login& login = *http.mutable_login();
    login.set_method("POST");
    login.set_url(server.Url("/login"));
    login.set_body(R"json({"user": "$(agent)"})json");
    login.set_token("/data/token");
    return spec;
  }
  // To the end of what they start, with the token.
  static v1::Completion& Follow(const TokenServer& server, v1::ShareSpec& spec) {
    v1::Completion& completion = *spec.mutable_trigger()->mutable_completion();
    completion.add_done("success");
    completion.set_every_ns(10 * kMs);
    completion.mutable_http()->set_url(server.Url("/runs/$(remote_id)"));
    (*completion.mutable_http()->mutable_headers())["Authorization"] = "Bearer $(token)";
    completion.mutable_http()->set_state("/state");
    return completion;
  }
};

TEST_F(LoginTest, OneTokenForAllTriggersAndTheirCompletion) {
  const TokenServer server;
  v1::ShareSpec spec = LoginSpec(server, 20);
  Follow(server, spec).set_remote_id_pointer("/run_id");
  const Written written = Execute(spec);
  ASSERT_EQ(written.triggers.size(), 20U);
  for (const v1::TriggerRecord& record : written.triggers) EXPECT_EQ(record.outcome(), v1::OK) << record.error();
  EXPECT_EQ(server.logins(), 1);
  EXPECT_THAT(server.login_request(), HasSubstr(R"({"user": "alpha"})"));
  EXPECT_EQ(written.end->findings_size(), 0);
}

TEST_F(LoginTest, ATokenThatGrowsOldIsNoFaultOfTheCompletion) {
  TokenServer server;
  v1::ShareSpec spec = LoginSpec(server, 1);
  const v1::Login login = spec.trigger().http().login();
  for (const char* word : {"echo", "id=r"}) spec.mutable_trigger()->mutable_exec()->add_argv(word);
  v1::Completion& completion = Follow(server, spec);
  completion.clear_done();
  completion.add_done("never");
  completion.set_timeout_ns(2 * kSecond);
  completion.set_remote_id_pattern("id=(.*)");
  *completion.mutable_http()->mutable_login() = login;
  Begin(spec);
  WaitFor(spec.run_id(), [](const v1::ShareStatus& status) { return status.in_flight() == 1; });
  server.Revoke();
  WaitFor(spec.run_id(), [&](const v1::ShareStatus&) { return server.logins() == 2; });
  WaitForPhase(spec.run_id(), v1::FIRED);
  const Written written = Finish(spec);
  EXPECT_EQ(written.end->findings_size(), 0) << written.end->ShortDebugString();
}

TEST_F(LoginTest, CompletionMayHaveALoginOfItsOwn) {
  const TokenServer server;
  v1::ShareSpec spec = LoginSpec(server, 1);
  const v1::Login login = spec.trigger().http().login();
  for (const char* word : {"echo", "id=r"}) spec.mutable_trigger()->mutable_exec()->add_argv(word);
  v1::Completion& completion = Follow(server, spec);
  completion.set_remote_id_pattern("id=(.*)");
  *completion.mutable_http()->mutable_login() = login;
  const Written written = Execute(spec);
  EXPECT_EQ(written.triggers.at(0).outcome(), v1::OK) << written.triggers.at(0).error();
  EXPECT_EQ(server.logins(), 1);
}

TEST_F(LoginTest, ARefusedTokenIsAskedForAgainAndTheTriggerStaysFailed) {
  TokenServer server;
  v1::ShareSpec spec = LoginSpec(server, 0);
  spec.set_duration_ns(3600 * kSecond);
  Begin(spec);
  WaitFor(spec.run_id(), [](const v1::ShareStatus& status) { return status.fired() > 10; });
  server.Revoke();
  WaitFor(spec.run_id(), [&](const v1::ShareStatus& status) { return status.not_ok() > 0 && server.logins() == 2; });
  const uint64_t then = Status(spec.run_id())->fired();
  WaitFor(spec.run_id(), [&](const v1::ShareStatus& status) { return status.fired() > then + 10; });
  Want(spec, v1::DRAIN);
  Exchange();
  WaitForPhase(spec.run_id(), v1::FIRED);
  const Written written = Finish(spec);
  bool refused = false;
  for (const v1::TriggerRecord& record : written.triggers) {
    if (record.outcome() == v1::OK) continue;
    refused = true;
    EXPECT_EQ(record.status(), 401);
    EXPECT_THAT(record.output(), AllOf(HasSubstr("Authorization: Bearer ***"), Not(HasSubstr("token-"))));
  }
  EXPECT_TRUE(refused);
  EXPECT_EQ(written.triggers.back().outcome(), v1::OK) << "the next ones have the new token";
}

TEST_F(LoginTest, ALoginThatFailsOnceIsTriedAgain) {
  TokenServer server;
  v1::ShareSpec spec = LoginSpec(server, 0);
  spec.set_duration_ns(3600 * kSecond);
  Begin(spec);
  WaitFor(spec.run_id(), [](const v1::ShareStatus& status) { return status.fired() > 10; });
  server.refuses_logins = 503;
  server.Revoke();
  WaitFor(spec.run_id(), [&](const v1::ShareStatus&) { return server.logins() >= 3; });
  server.refuses_logins = 0;
  const auto good = [](const v1::ShareStatus& status) { return status.fired() - status.not_ok(); };
  const uint64_t before = good(*Status(spec.run_id()));
  WaitFor(spec.run_id(), [&](const v1::ShareStatus& status) { return good(status) > before + 10; });
  Want(spec, v1::CANCEL);
  Exchange();
  WaitForPhase(spec.run_id(), v1::ENDED);
  EXPECT_LT(server.logins(), 100) << "once a second, however many are refused";
}

TEST_F(LoginTest, WhoTakesNoTokenIsNotFloodedWithLogins) {
  TokenServer server;
  server.refuses_all = true;
  const Written written = Execute(LoginSpec(server, 50));
  for (const v1::TriggerRecord& record : written.triggers) EXPECT_EQ(record.status(), 401);
  EXPECT_LE(server.logins(), 2);
}

TEST_F(LoginTest, ARefusedLoginRefusesTheShare) {
  TokenServer server;
  server.refuses_logins = 403;
  EXPECT_THAT(Refusal(LoginSpec(server, 1)),
              AllOf(HasSubstr("POST " + server.Url("/login")), HasSubstr("status 403: wrong password")));
  server.refuses_logins = 0;
  v1::ShareSpec spec = LoginSpec(server, 1);
  spec.mutable_trigger()->mutable_http()->mutable_login()->set_token("/access_token");
  EXPECT_THAT(Refusal(spec), AllOf(HasSubstr("/access_token points nowhere"), Not(HasSubstr("token-"))));
  spec = LoginSpec(server, 1);
  spec.mutable_trigger()->mutable_http()->mutable_login()->set_url("http://127.0.0.1:1/login");
  EXPECT_THAT(Refusal(spec), HasSubstr("http://127.0.0.1:1/login: "));
}

TEST_F(LoginTest, SecretsReachTheTargetAndNoRecord) {
  const TempDir secrets;
  secrets.Write("PASSWORD", "hush-hush\n");
  Restart({.agent_name = "alpha", .secrets_directory = secrets.path()});
  TokenServer server;
  v1::ShareSpec spec = LoginSpec(server, 1);
  spec.mutable_trigger()->mutable_http()->mutable_login()->set_body(R"json({"password": "$(secret:PASSWORD)"})json");
  server.refuses_all = true;
  (*spec.mutable_trigger()->mutable_http()->mutable_headers())["X-Key"] = "$(secret:PASSWORD)";
  const Written written = Execute(spec);
  EXPECT_THAT(server.login_request(), HasSubstr(R"({"password": "hush-hush"})"));
  EXPECT_THAT(written.triggers.at(0).output(), AllOf(HasSubstr("X-Key: ***"), Not(HasSubstr("hush"))));

  spec = Spec("http://user:$(secret:PASSWORD)@$(secret:PASSWORD):1/");
  const Written unreachable = Execute(spec);
  EXPECT_THAT(unreachable.triggers.at(0).error(), AllOf(HasSubstr("***"), Not(HasSubstr("hush"))));
}

TEST_F(LoginTest, AMissingSecretRefusesTheShareAndTheHook) {
  v1::ShareSpec spec = Spec("http://127.0.0.1:1/$(secret:NO_SUCH)");
  EXPECT_THAT(Refusal(spec),
              AllOf(HasSubstr("agent 'alpha'"), HasSubstr("--secrets"), HasSubstr("ASSAY_SECRET_NO_SUCH")));
  v1::DesiredHook& hook = *desired_.add_hooks();
  hook.set_hook_id(5);
  for (const char* word : {"echo", "$(secret:NO_SUCH)"}) hook.mutable_hook()->add_argv(word);
  hook.mutable_hook()->set_timeout_ns(kPatience);
  Exchange();
  EXPECT_THAT(WaitForHook(5).error(), AllOf(HasSubstr("not run"), HasSubstr("ASSAY_SECRET_NO_SUCH")));
}

TEST_F(LoginTest, AHookGetsItsSecretAndItsOutputHidesIt) {
  const TempDir secrets;
  secrets.Write("KEY", "hush-hush");
  Restart({.agent_name = "alpha", .secrets_directory = secrets.path()});
  v1::DesiredHook& hook = *desired_.add_hooks();
  hook.set_hook_id(6);
  for (const char* word : {"sh", "-c", "echo got $KEY; test \"$KEY\" = hush-hush && exit 3"})
    hook.mutable_hook()->add_argv(word);
  (*hook.mutable_hook()->mutable_env())["KEY"] = "$(secret:KEY)";
  hook.mutable_hook()->set_timeout_ns(kPatience);
  Exchange();
  const v1::HookStatus status = WaitForHook(6);
  EXPECT_EQ(status.exit_code(), 3);
  EXPECT_EQ(status.output(), "got ***\n");
  EXPECT_THAT(status.error(), AllOf(HasSubstr("got ***"), Not(HasSubstr("hush"))));
}

}  // namespace
}  // namespace assay
