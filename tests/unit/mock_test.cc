#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>

#include "assay/mock/v1/echo.grpc.pb.h"
#include "common/clock.h"
#include "common/nanoseconds.h"
#include "mock/aws_chunks.h"
#include "mock/byte_range.h"
#include "mock/counters.h"
#include "mock/echo_service.h"
#include "mock/faults.h"
#include "mock/items.h"
#include "mock/object_store.h"
#include "mock/runs.h"

namespace assay {
namespace {

using ::testing::HasSubstr;

TEST(Stall, IsTheEndOfEachPeriod) {
  const auto stall = Stall::Parse("1s every 10s");
  ASSERT_TRUE(stall.ok()) << stall.status();
  EXPECT_EQ(stall->LeftNs(0), 0);
  EXPECT_EQ(stall->LeftNs(8'999'999'999), 0);
  EXPECT_EQ(stall->LeftNs(9'000'000'000), 1'000'000'000);
  EXPECT_EQ(stall->LeftNs(19'250'000'000), 750'000'000);
  EXPECT_EQ(stall->LeftNs(20'000'000'000), 0);
  EXPECT_EQ(Stall{}.LeftNs(5), 0);
}

TEST(Stall, SaysWhatIsWrongWithIt) {
  EXPECT_THAT(Stall::Parse("1s").status().message(), HasSubstr("such as '1s every 10s'"));
  EXPECT_THAT(Stall::Parse("1s every 1s").status().message(), HasSubstr("nothing at all"));
  EXPECT_THAT(Stall::Parse("1 every 10s").status().message(), HasSubstr("'1' is not a duration"));
}

TEST(Faults, RefuseTheSameRequestsAgain) {
  const Faults::Options options{.error_rate = 0.1};
  Faults once(options, 0);
  Faults again(options, 0);
  int refused = 0;
  for (int i = 0; i < 10'000; ++i) {
    const bool refuses = once.RefusesNext();
    ASSERT_EQ(refuses, again.RefusesNext());
    refused += refuses ? 1 : 0;
  }
  EXPECT_NEAR(refused, 1000, 180);  // six standard deviations
  Faults never({}, 0);
  EXPECT_FALSE(never.RefusesNext());
  Faults always({.error_rate = 1}, 0);
  EXPECT_TRUE(always.RefusesNext());
}

TEST(Runs, EndAfterTheirTime) {
  constexpr int64_t kBegin = 1'795'375'847'000'000'000;
  Runs runs({.delay_ns = 2 * kSecond});
  EXPECT_EQ(runs.Start(kBegin), R"({"run_id":"run-0"})");
  EXPECT_EQ(runs.Start(kBegin + kSecond), R"({"run_id":"run-1"})");
  EXPECT_EQ(*runs.Get("run-0", kBegin + 2 * kSecond - 1),
            R"({"run_id":"run-0","state":"running","started":"2026-11-22T19:30:47.000000Z","finished":null})");
  EXPECT_EQ(runs.List(0, 10, kBegin + 2 * kSecond),
            R"({"runs":[{"run_id":"run-0","state":"success","started":"2026-11-22T19:30:47.000000Z","finished":)"
            R"("2026-11-22T19:30:49.000000Z"},{"run_id":"run-1","state":"running","started":)"
            R"("2026-11-22T19:30:48.000000Z","finished":null}],"total":2})");
  EXPECT_THAT(runs.List(1, 10, kBegin), ::testing::Not(HasSubstr("run-0")));
  EXPECT_EQ(runs.List(7, UINT64_MAX, kBegin), R"({"runs":[],"total":2})");
  for (const char* id : {"run-2", "run-", "run-0x", "0", ""}) EXPECT_FALSE(runs.Get(id, kBegin)) << id;
  Runs failing({.delay_ns = 0, .end = Runs::End::kFailed});
  failing.Start(kBegin);
  EXPECT_THAT(*failing.Get("run-0", kBegin), HasSubstr(R"("state":"failed")"));
  Runs endless({.delay_ns = 0, .end = Runs::End::kNever});
  endless.Start(kBegin);
  EXPECT_THAT(*endless.Get("run-0", kBegin + 3600 * kSecond), HasSubstr(R"("state":"running")"));
}

TEST(ByteRange, Parse) {
  using Kind = ByteRange::Kind;
  const auto expect = [](std::string_view header, Kind kind, uint64_t first, uint64_t length) {
    const ByteRange range = ByteRange::Parse(header, 100);
    EXPECT_EQ(range.kind, kind) << header;
    EXPECT_EQ(range.first_byte, first) << header;
    EXPECT_EQ(range.length, length) << header;
  };
  expect("", Kind::kWhole, 0, 100);
  expect("lines=0-1", Kind::kWhole, 0, 100);
  expect("bytes=x-1", Kind::kWhole, 0, 100);
  expect("bytes=5-4", Kind::kWhole, 0, 100);
  expect("bytes=0-0", Kind::kPart, 0, 1);
  expect("bytes=10-19", Kind::kPart, 10, 10);
  expect("bytes=90-1000", Kind::kPart, 90, 10);
  expect("bytes=99-", Kind::kPart, 99, 1);
  expect("bytes=-7", Kind::kPart, 93, 7);
  expect("bytes=-700", Kind::kPart, 0, 100);
  expect("bytes=0-18446744073709551615", Kind::kPart, 0, 100);
  expect("bytes=100-", Kind::kUnsatisfiable, 0, 0);
  expect("bytes=-0", Kind::kUnsatisfiable, 0, 0);
  expect("bytes=0-1,5-6", Kind::kUnsatisfiable, 0, 0);
  EXPECT_EQ(ByteRange::Parse("bytes=0-", 0).kind, Kind::kUnsatisfiable);
}

TEST(AwsChunks, GiveTheContent) {
  const auto content =
      DecodeAwsChunks("5;chunk-signature=ab\r\nhello\r\n3\r\n\r\n!\r\n0;chunk-signature=cd\r\nx-trailer:1\r\n\r\n");
  ASSERT_TRUE(content.ok()) << content.status();
  EXPECT_EQ(*content, "hello\r\n!");
  for (const char* bad :
       {"", "hello", "5\r\nhell", "5\r\nhello\r\n", "4\r\nhello\r\n0\r\n\r\n", "ffffffffffffffff\r\nx\r\n"})
    EXPECT_FALSE(DecodeAwsChunks(bad).ok()) << bad;
}

std::string Content(const Object& object, uint64_t from, uint64_t to) {
  std::string content;
  while (from < to) {
    const std::string_view piece = object.From(from).substr(0, to - from);
    content += piece;
    from += piece.size();
  }
  return content;
}

TEST(ObjectStore, GeneratedBytesFollowFromNameAndOffset) {
  const ObjectStore store({.object_size = 3'000'000});
  const auto object = store.Find("bucket/key");
  ASSERT_TRUE(object);
  const std::string content = Content(*object, 0, object->size);
  ASSERT_EQ(content.size(), 3'000'000U);
  for (const uint64_t offset : {uint64_t{0}, uint64_t{1'048'572}, uint64_t{1'048'573}, uint64_t{2'999'999}}) {
    const uint64_t p = (object->pattern_start + offset) % 1'048'573;
    EXPECT_EQ(static_cast<uint8_t>(content[offset]), (p * 2'654'435'761 >> 24) & 0xff) << offset;
  }
  EXPECT_EQ(Content(*object, 1'000'000, 2'500'000), content.substr(1'000'000, 1'500'000));
  EXPECT_NE(store.Find("bucket/kez")->pattern_start, object->pattern_start);
}

TEST(ObjectStore, KeepsWhatIsPutUpToItsLimit) {
  ObjectStore store({.limit_bytes = 10});
  const auto put = store.Put("b/k", "hello");
  ASSERT_TRUE(put.ok()) << put.status();
  EXPECT_EQ(put->etag, "\"5d41402abc4b2a76b9719d911017c592\"");
  EXPECT_EQ(Content(*store.Find("b/k"), 0, 5), "hello");
  EXPECT_TRUE(store.Put("b/k", "0123456789").ok()) << "it takes the old one's place";
  EXPECT_THAT(store.Put("b/l", "x").status().message(), HasSubstr("10 B (--store-limit)"));
  store.Delete("b/k");
  EXPECT_TRUE(store.Put("b/l", "x").ok());
}

TEST(ObjectStore, Lists) {
  ObjectStore store({.object_size = 1, .objects = 12});
  EXPECT_FALSE(store.Find("bench/12"));
  EXPECT_FALSE(store.Find("other/1"));
  ASSERT_TRUE(store.Put("bench2/1", "x").ok());
  const auto keys = [&](const char* prefix, const char* after, size_t most) {
    const auto [listed, more] = store.List("bench", prefix, after, most);
    std::string text;
    for (const auto& one : listed) text += one.key + " ";
    return text + (more ? "more" : "end");
  };
  EXPECT_EQ(keys("", "", 3), "0 1 10 more");
  EXPECT_EQ(keys("", "10", 3), "11 2 3 more");
  EXPECT_EQ(keys("1", "", 3), "1 10 11 end");
  EXPECT_EQ(keys("1", "1", 3), "10 11 end");
  EXPECT_EQ(keys("", "9", 3), "end");
  EXPECT_EQ(keys("x", "", 3), "end");
  EXPECT_EQ(keys("", "", 0), "more");
}

TEST(Items, AreCountedInWhatComesBack) {
  const auto count = CountItems(ItemsJson(1000));
  ASSERT_TRUE(count.ok()) << count.status();
  EXPECT_EQ(*count, 1000U);
  EXPECT_EQ(*CountItems("{}"), 0U);
  EXPECT_FALSE(CountItems("[").ok());
  EXPECT_FALSE(CountItems("").ok());
  EXPECT_EQ(ItemsJson(0), R"({"items":[],"count":0})");
}

class EchoTest : public ::testing::Test {
 protected:
  void Serve(const Faults::Options& faults, int64_t delay_ns) {
    faults_ = std::make_unique<Faults>(faults, MonotonicNs());
    auto server = EchoServer::Start({.listen = "127.0.0.1:0", .delay_ns = delay_ns}, *faults_, counters_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    channel_ = grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials());
  }

  grpc::Status Call(std::string* answer, std::chrono::seconds patience = std::chrono::seconds(60)) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + patience);
    context.set_wait_for_ready(true);
    mock::v1::EchoMessage request;
    request.set_text("hello");
    mock::v1::EchoMessage response;
    const grpc::Status status = mock::v1::Echo::NewStub(channel_)->Call(&context, request, &response);
    *answer = response.text();
    return status;
  }

  Counters counters_;
  std::unique_ptr<Faults> faults_;
  std::unique_ptr<EchoServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
};

TEST_F(EchoTest, GivesTheMessageBackAfterItsDelay) {
  Serve({}, 50'000'000);
  std::string answer;
  const int64_t start_ns = MonotonicNs();
  ASSERT_TRUE(Call(&answer).ok());
  EXPECT_GE(MonotonicNs() - start_ns, 50'000'000);
  EXPECT_EQ(answer, "hello");
  EXPECT_EQ(counters_.received(Route::kGrpcEcho), 1U);
}

TEST_F(EchoTest, RefusesOnPurpose) {
  Serve({.error_rate = 1}, 0);
  std::string answer;
  const grpc::Status status = Call(&answer);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(status.error_message(), HasSubstr("--error-rate"));
  EXPECT_EQ(counters_.errors(), 1U);
}

TEST_F(EchoTest, ACallThatWaitsEndsWithItsCallerAndWithTheServer) {
  Serve({}, 3'600'000'000'000);
  std::string answer;
  EXPECT_EQ(Call(&answer, std::chrono::seconds(1)).error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  server_.reset();
}

TEST_F(EchoTest, APortThatIsTakenIsSaid) {
  Serve({}, 0);
  EXPECT_THAT(EchoServer::Start({.listen = server_->address()}, *faults_, counters_).status().message(),
              HasSubstr("cannot listen on " + server_->address() + " (--grpc-listen)"));
}

// What a client without the .proto file asks first: which services there are.
TEST_F(EchoTest, IsFoundByReflection) {
  Serve({}, 0);
  grpc::GenericStub stub(channel_);
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
  context.set_wait_for_ready(true);
  const auto next = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  const auto call =
      stub.PrepareCall(&context, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue);
  call->StartCall(nullptr);
  ASSERT_TRUE(next());
  // ServerReflectionRequest{list_services: ""}
  const grpc::Slice bytes(std::string("\x3a\0", 2));
  call->WriteLast(grpc::ByteBuffer(&bytes, 1), grpc::WriteOptions(), nullptr);
  ASSERT_TRUE(next());
  grpc::ByteBuffer answer;
  call->Read(&answer, nullptr);
  ASSERT_TRUE(next());
  std::vector<grpc::Slice> slices;
  ASSERT_TRUE(answer.Dump(&slices).ok());
  std::string text;
  for (const grpc::Slice& slice : slices) text.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  EXPECT_THAT(text, HasSubstr("assay.mock.v1.Echo"));
  grpc::Status status;
  call->Finish(&status, nullptr);
  EXPECT_TRUE(next());
  EXPECT_TRUE(status.ok()) << status.error_message();
}

}  // namespace
}  // namespace assay
