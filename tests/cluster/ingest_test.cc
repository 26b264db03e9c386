// Ingest over a real store, with sources that only remember what they are sent.
#include "coordinator/ingest.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>

#include "common/protocol.h"
#include "tests/storage/store_fixture.h"

namespace assay {
namespace {

class IngestTest : public StoreTest {
 protected:
  IngestTest()
      : sweep_(MakeSweep(1, {{"t", "{}"}})),
        run_id_(StartedRun(sweep_, 0, 0, {a_, b_}, 100).run_id),
        ingest_(url_, Value("SELECT cluster_id FROM meta"), 0,
                {.share_ended = [](int64_t, int64_t, const v1::ShareEnd&) {},
                 .collected = [](int64_t) {},
                 .late_rows = [](int64_t) {},
                 .trouble = [](const absl::Status&) {},
                 .fatal = [](const absl::Status& status) { ADD_FAILURE() << status; }}) {}
  ~IngestTest() override { ingest_.Stop(); }

  // What a source was sent, in words: "s:3", "s:refused", "dropped".
  struct Connection {
    std::shared_ptr<Ingest::Source> source = std::make_shared<Ingest::Source>();
    std::deque<std::string> heard;
  };
  std::unique_ptr<Connection> Connect(const std::string& agent, const std::vector<std::string>& streams) {
    auto made = std::make_unique<Connection>();
    const auto hear = [this, to = made.get()](std::string what) {
      const std::lock_guard lock(mutex_);
      to->heard.push_back(std::move(what));
      changed_.notify_all();
    };
    made->source->send = [this, hear](v1::Ack&& ack) {
      if (!ack.refusal().empty()) refusal_ = ack.refusal();
      hear(ack.stream() + ":" + (ack.refusal().empty() ? std::to_string(ack.through_seq()) : "refused"));
    };
    made->source->drop = [hear] { hear("dropped"); };
    made->source->resume = [] {};
    v1::ResultsMessage hello;
    hello.mutable_hello()->set_protocol_version(kProtocolVersion);
    hello.mutable_hello()->set_agent(agent);
    hello.mutable_hello()->set_cluster_id(Value("SELECT cluster_id FROM meta"));
    for (const std::string& stream : streams) hello.mutable_hello()->add_streams(stream);
    EXPECT_TRUE(ingest_.Take(made->source, std::move(hello)));
    return made;
  }
  void Send(const Connection& connection, const std::string& stream, uint64_t index) {
    v1::ResultsMessage message;
    *message.mutable_batch() = NextBatch(stream, run_id_);
    AddTrigger(*message.mutable_batch(), index, 0, 1, 2);
    EXPECT_TRUE(ingest_.Take(connection.source, std::move(message)));
  }
  bool Hears(Connection& connection, const std::string& what) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(60), [&] {
      return std::find(connection.heard.begin(), connection.heard.end(), what) != connection.heard.end();
    });
  }

  const SweepRow sweep_;
  const int64_t run_id_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string refusal_;
  Ingest ingest_;
};

TEST_F(IngestTest, AStreamOfAnotherAgentIsRefusedAndTheOthersAreTaken) {
  ASSERT_TRUE(writer_.OpenStream("old", a_).ok());
  const auto renamed = Connect("b", {"old", "new"});
  ASSERT_TRUE(Hears(*renamed, "new:0"));
  EXPECT_EQ(renamed->heard.front(), "old:refused");
  EXPECT_NE(refusal_.find("--name a"), std::string::npos) << refusal_;
  Send(*renamed, "new", 50);
  EXPECT_TRUE(Hears(*renamed, "new:1"));
}

TEST_F(IngestTest, ABatchThatCannotBeStoredKeepsOnlyItsOwnStreamBack) {
  ASSERT_TRUE(Execute("ALTER TABLE assay.trigger ADD CHECK (index <> 13)").ok());
  const auto a = Connect("a", {"sa", "sa2"});
  const auto b = Connect("b", {"sb"});
  Send(*b, "sb", 50);
  Send(*a, "sa", 12);
  Send(*a, "sa", 13);
  Send(*a, "sa", 14);
  Send(*a, "sa2", 15);
  Send(*b, "sb", 51);
  EXPECT_TRUE(Hears(*b, "sb:2"));
  EXPECT_TRUE(Hears(*a, "sa:refused"));
  EXPECT_TRUE(Hears(*a, "sa2:1"));
  EXPECT_EQ(Value("SELECT string_agg(index::text, ' ' ORDER BY index) FROM trigger"), "12 15 50 51");
  EXPECT_EQ(Value("SELECT last_seq FROM delivery WHERE stream = 'sa'"), "1") << "the agent goes on behind it";
  EXPECT_FALSE(std::any_of(a->heard.begin(), a->heard.end(), [](const auto& what) { return what == "dropped"; }));
}

TEST_F(IngestTest, AStreamThatWasNeverOpenedKeepsNobodyBack) {
  const auto a = Connect("a", {"sa"});
  const auto b = Connect("b", {"sb"});
  Send(*b, "unheard of", 50);
  Send(*a, "sa", 0);
  EXPECT_TRUE(Hears(*a, "sa:1"));
  EXPECT_TRUE(Hears(*b, "unheard of:refused"));
}

}  // namespace
}  // namespace assay
