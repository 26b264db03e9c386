// What $(secret:NAME) stands for, and that its value comes into no message.
#include "common/secrets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <string>

#include "assay/v1/scenario.pb.h"
#include "common/whole_file.h"
#include "tests/unit/temp_dir.h"

namespace assay {
namespace {

using testing::HasSubstr;

class SecretsTest : public testing::Test {
 protected:
  void Write(const std::string& name, const std::string& value) {
    ASSERT_TRUE(WriteWhole(dir_.path() + "/" + name, value).ok());
  }

  TempDir dir_;
  const Secrets secrets_{dir_.path()};
};

TEST_F(SecretsTest, StandInEveryTextOfAMessage) {
  Write("DB", "postgresql://u:p4ss@h/db\n");
  Write("K", "4711\r\n");
  v1::Trigger trigger;
  trigger.mutable_http()->set_url("http://h/$(secret:K)?i=$(index)&l=$$(secret:K)");
  (*trigger.mutable_http()->mutable_headers())["X"] = "$(secret:K)";
  trigger.mutable_completion()->mutable_postgres()->set_url("$(secret:DB)");
  trigger.mutable_exec();  // replaces http: one of a kind
  trigger.mutable_exec()->add_argv("$(secret:K)$(secret:K)");
  const auto hidden = secrets_.Fill(trigger);
  ASSERT_TRUE(hidden.ok()) << hidden.status();
  EXPECT_EQ(trigger.exec().argv(0), "47114711");
  EXPECT_EQ(trigger.completion().postgres().url(), "postgresql://u:p4ss@h/db");
  EXPECT_EQ(hidden->Hide("cannot connect to postgresql://u:p4ss@h/db, with p4ss"), "cannot connect to ***, with ***");

  v1::HttpTrigger http;
  http.set_url("http://h/$(secret:K)?i=$(index)&l=$$(secret:K)");
  (*http.mutable_headers())["X"] = "$(secret:K)";
  ASSERT_TRUE(secrets_.Fill(http).ok());
  EXPECT_EQ(http.url(), "http://h/4711?i=$(index)&l=$$(secret:K)") << "escapes are left for who expands the rest";
  EXPECT_EQ(http.headers().at("X"), "4711");
}

TEST_F(SecretsTest, ThoseThatAreMissingAreToldEachOnceWithBothPlaces) {
  Write("K", "4711");
  v1::CellSpec cell;
  cell.mutable_trigger()->mutable_http()->set_url("http://$(secret:HOST)/$(secret:K)/$(secret:HOST)");
  cell.add_collect()->mutable_collector()->mutable_postgres()->set_url("$(secret:DB.2)");
  const std::vector<MissingSecret> missing = secrets_.Missing(cell);
  ASSERT_EQ(missing.size(), 2u);
  EXPECT_EQ(missing[0].name, "HOST");
  EXPECT_EQ(missing[1].name, "DB.2");
  EXPECT_THAT(std::string(missing[0].why.message()),
              testing::AllOf(HasSubstr("'HOST'"), HasSubstr(dir_.path() + "/HOST"), HasSubstr("ASSAY_SECRET_HOST")));
  EXPECT_THAT(std::string(missing[1].why.message()),
              testing::AllOf(HasSubstr("'DB.2'"), HasSubstr(dir_.path() + "/DB.2"), HasSubstr("ASSAY_SECRET_DB_2")));
  EXPECT_EQ(cell.collect(0).collector().postgres().url(), "$(secret:DB.2)") << "nothing is put in";
}

TEST_F(SecretsTest, AreQuotedWhereTheyStandInJson) {
  Write("P", "a\"b\\c");
  v1::Login login;
  login.set_body(R"json({"password": "$(secret:P)"})json");
  ASSERT_TRUE(secrets_.Fill(login).ok());
  EXPECT_EQ(login.body(), R"({"password": "a"b\c"})") << "a text of the user's own is left as it is";
  login.set_body(R"json({"password": "$(secret:P)"})json");
  (*login.mutable_headers())["content-type"] = "application/json";
  const auto hidden = secrets_.Fill(login);
  ASSERT_TRUE(hidden.ok()) << hidden.status();
  EXPECT_EQ(login.body(), R"({"password": "a\"b\\c"})");
  EXPECT_EQ(hidden->Hide(R"(it said {"password": "a\"b\\c"})"), R"(it said {"password": "***"})");
}

TEST_F(SecretsTest, AValueIsNoTemplate) {
  Write("T", "x$(index)y");
  Write("D", "x$");
  v1::HttpTrigger http;
  http.set_body("$(secret:T)");
  ASSERT_TRUE(secrets_.Fill(http).ok());
  EXPECT_EQ(http.body(), "x$$(index)y");
  http.set_body("$(secret:D)$(index)");
  EXPECT_THAT(std::string(secrets_.Fill(http).status().message()), HasSubstr("put something between them"));
  http.set_body("$(secret:D)/$(index)");
  EXPECT_TRUE(secrets_.Fill(http).ok());
  EXPECT_EQ(http.body(), "x$/$(index)");
}

TEST_F(SecretsTest, ComeFromTheEnvironmentWhereThereIsNoFile) {
  setenv("ASSAY_SECRET_my_key", "from outside", 1);
  v1::HttpTrigger http;
  http.set_body("$(secret:my-key)");
  ASSERT_TRUE(secrets_.Fill(http).ok());
  EXPECT_EQ(http.body(), "from outside");
  Write("my-key", "from the file");
  http.set_body("$(secret:my-key)");
  ASSERT_TRUE(secrets_.Fill(http).ok());
  EXPECT_EQ(http.body(), "from the file");
  unsetenv("ASSAY_SECRET_my_key");
}

TEST_F(SecretsTest, AMissingOneNamesBothMends) {
  v1::HttpTrigger http;
  http.set_body("$(secret:NOWHERE)");
  const auto missing = secrets_.Fill(http);
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.status().message()), HasSubstr(dir_.path() + "/NOWHERE"));
  EXPECT_THAT(std::string(missing.status().message()), HasSubstr("ASSAY_SECRET_NOWHERE"));
  EXPECT_THAT(std::string(Secrets().Fill(http).status().message()), HasSubstr("--secrets"));
  Write("EMPTY", "\n");
  http.set_body("$(secret:EMPTY)");
  EXPECT_FALSE(secrets_.Fill(http).ok());
}

TEST_F(SecretsTest, ANameIsNoPath) {
  EXPECT_TRUE(IsSecretName("airflow-db.url_2"));
  for (const char* name : {"", ".hidden", "../etc", "a/b", "-x", "a b"}) EXPECT_FALSE(IsSecretName(name)) << name;
}

}  // namespace
}  // namespace assay
