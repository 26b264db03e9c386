// Triggers that start work in a target, followed to its end over an HTTP API.
#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "http_fixture.h"
#include "workflow_api.h"

namespace assay {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

class CompletionTest : public HttpTriggerTest {
 protected:
  // POST /runs, and a look every 20 ms.
  v1::ShareSpec RunSpec(const WorkflowApi& api, uint64_t count = 1, uint32_t slots = 1) {
    v1::ShareSpec spec = Spec(api.Url("/runs"), count, slots);
    spec.mutable_trigger()->mutable_http()->set_method("POST");
    v1::Completion& completion = *spec.mutable_trigger()->mutable_completion();
    completion.set_remote_id_pointer("/run_id");
    completion.add_done("success");
    completion.add_failed("failed");
    completion.set_every_ns(20 * kMs);
    completion.mutable_http()->set_state("/state");
    return spec;
  }
  v1::ShareSpec OneEach(const WorkflowApi& api, uint64_t count = 1, uint32_t slots = 1) {
    v1::ShareSpec spec = RunSpec(api, count, slots);
    spec.mutable_trigger()->mutable_completion()->mutable_http()->set_url(api.Url("/runs/$(remote_id)?of=$(run)"));
    return spec;
  }
  v1::ShareSpec Listing(const WorkflowApi& api, uint64_t count = 1, uint32_t slots = 1) {
    v1::ShareSpec spec = RunSpec(api, count, slots);
    v1::Completion::Http& http = *spec.mutable_trigger()->mutable_completion()->mutable_http();
    http.set_url(api.Url("/runs?offset=$(offset)&limit=$(limit)"));
    http.set_items("/runs");
    http.set_id("/run_id");
    http.set_page(10);
    return spec;
  }
  static uint64_t Errors(const Written& written) {
    uint64_t errors = 0;
    for (const v1::Finding& finding : written.end->findings()) {
      EXPECT_EQ(finding.code(), "completion_errors");
      errors += finding.count();
    }
    return errors;
  }
  static std::string Detail(const Written& written) {
    return written.end->findings_size() == 0 ? "" : written.end->findings(0).detail();
  }
};

// "offset" of "/runs?offset=20&limit=10".
int Asked(const std::string& path, const std::string& name) {
  return std::stoi(path.substr(path.find(name + "=") + name.size() + 1));
}

TEST_F(CompletionTest, ARunIsFollowedToItsEnd) {
  WorkflowApi api([](const std::string& path, int looks) -> WorkflowApi::Answer {
    EXPECT_EQ(path, "/runs/run%200?of=1") << "the id is encoded";
    return {looks < 3 ? R"({"state": "running"})" : R"({"state": "success"})"};
  });
  const Written written = Execute(OneEach(api));
  ASSERT_EQ(written.triggers.size(), 1U);
  const v1::TriggerRecord& record = written.triggers[0];
  EXPECT_EQ(record.outcome(), v1::OK) << record.error();
  EXPECT_EQ(record.remote_id(), "run 0");
  EXPECT_EQ(record.remote_state(), "success");
  EXPECT_EQ(api.looks(), 3);
  EXPECT_GE(record.accepted_ns(), record.first_byte_ns());
  EXPECT_GE(record.completed_ns(), record.accepted_ns() + 3 * 20 * kMs);
  EXPECT_EQ(record.finished_ns(), record.completed_ns());
  EXPECT_GT(record.completed_error_ns(), 0);
  EXPECT_LT(record.completed_error_ns(), record.completed_ns() - record.accepted_ns());
  EXPECT_EQ(Errors(written), 0U);
}

TEST_F(CompletionTest, WhatIsWaitedForIsInFlight) {
  std::atomic<bool> ends = false;
  WorkflowApi api([&](const std::string&, int) -> WorkflowApi::Answer {
    return {ends ? R"({"state": "success"})" : R"({"state": "running"})"};
  });
  const v1::ShareSpec spec = OneEach(api, 6, 2);
  Begin(spec);
  WaitFor(spec.run_id(), [&](const v1::ShareStatus&) { return api.looks() >= 8; });
  EXPECT_EQ(api.started(), 2) << "a closed loop starts the next when one has ended in the target";
  EXPECT_EQ(Status(spec.run_id())->in_flight(), 2U);
  ends = true;
  WaitForPhase(spec.run_id(), v1::FIRED);
  const Written written = Finish(spec);
  ExpectSound(written, spec);
  EXPECT_EQ(written.triggers.size(), 6U);
  EXPECT_LE(MostInFlight(written), 2U);
}

TEST_F(CompletionTest, AListingIsReadPageByPage) {
  constexpr int kRuns = 35;
  constexpr int kMostOfAPage = 7;  // however many are asked for
  std::atomic<int> most_offset = 0;
  WorkflowApi api([&](const std::string& path, int looks) -> WorkflowApi::Answer {
    const int offset = Asked(path, "offset");
    EXPECT_EQ(Asked(path, "limit"), 10);
    most_offset = std::max(most_offset.load(), offset);
    std::string items;
    for (int run = offset; run < std::min(offset + kMostOfAPage, kRuns); ++run) {
      items += (items.empty() ? "" : ",") + std::string(R"({"run_id": "run )") + std::to_string(run) +
               R"(", "state": ")" +
               (looks < 12     ? "running"
                : run % 7 == 0 ? "failed"
                               : "success") +
               "\"}";
    }
    return {R"({"runs": [)" + items + "]}"};
  });
  const Written written = Execute(Listing(api, kRuns, kRuns));
  ASSERT_EQ(written.triggers.size(), static_cast<size_t>(kRuns));
  std::set<std::string> ids;
  for (const v1::TriggerRecord& record : written.triggers) {
    ids.insert(record.remote_id());
    const bool fails = std::stoi(record.remote_id().substr(4)) % 7 == 0;
    EXPECT_EQ(record.outcome(), fails ? v1::FAILED : v1::OK) << record.remote_id() << ": " << record.error();
    EXPECT_EQ(record.remote_state(), fails ? "failed" : "success");
  }
  EXPECT_EQ(ids.size(), static_cast<size_t>(kRuns));
  EXPECT_EQ(most_offset, 28) << "all were on it, so no further page was asked for";
  EXPECT_EQ(Errors(written), 0U);
}

TEST_F(CompletionTest, AListingThatCannotBeHadRefusesTheShare) {
  WorkflowApi api([](const std::string&, int) -> WorkflowApi::Answer { return {"{}", "404 Not Found"}; });
  EXPECT_THAT(Refusal(Listing(api)),
              AllOf(HasSubstr("completion.http.url, tried before T0: GET " + api.Url("/runs?offset=0&limit=10")),
                    HasSubstr("answered with status 404")));
  EXPECT_EQ(api.started(), 0);
  EXPECT_EQ(api.looks(), 1);
}

TEST_F(CompletionTest, WhoGivesNoTokenIsToldHow) {
  WorkflowApi api([](const std::string&, int) -> WorkflowApi::Answer { return {"{}", "401 Unauthorized"}; });
  EXPECT_THAT(Refusal(Listing(api)), HasSubstr("give completion.http.headers what the API asks for"));
}

TEST_F(CompletionTest, WhatIsNeverListedTimesOut) {
  WorkflowApi api([](const std::string& path, int) -> WorkflowApi::Answer {
    return {Asked(path, "offset") == 0 ? R"({"runs": [{"run_id": "another", "state": "success"}]})"
                                       : R"({"runs": []})"};
  });
  v1::ShareSpec spec = Listing(api);
  spec.mutable_trigger()->mutable_completion()->set_timeout_ns(1500 * kMs);
  const Written written = Execute(spec);
  const v1::TriggerRecord& record = written.triggers.at(0);
  EXPECT_EQ(record.outcome(), v1::TIMEOUT);
  EXPECT_EQ(record.remote_state(), "not listed");
  EXPECT_THAT(record.error(), HasSubstr("did not end within 1.5 s"));
  EXPECT_GE(record.finished_ns(), record.accepted_ns() + 1500 * kMs);
  EXPECT_FALSE(record.has_completed_ns());
  EXPECT_EQ(Errors(written), 0U);
}

TEST_F(CompletionTest, ARunThatNeverEndsTimesOutWithItsLastState) {
  WorkflowApi api([](const std::string&, int) -> WorkflowApi::Answer { return {R"({"state": "up_for_retry"})"}; });
  v1::ShareSpec spec = OneEach(api);
  // The trigger's own timeout goes on.
  spec.mutable_trigger()->set_timeout_ns(1500 * kMs);
  const Written written = Execute(spec);
  const v1::TriggerRecord& record = written.triggers.at(0);
  EXPECT_EQ(record.outcome(), v1::TIMEOUT);
  EXPECT_EQ(record.remote_state(), "up_for_retry");
  EXPECT_THAT(record.error(), HasSubstr("its last state 'up_for_retry' is none of done: success, failed: failed"));
  EXPECT_GE(record.finished_ns(), record.started_ns() + 1500 * kMs);
}

TEST_F(CompletionTest, ErrorsWhileLookingAreToldAndGotOver) {
  WorkflowApi api([](const std::string&, int looks) -> WorkflowApi::Answer {
    if (looks == 1) return {"no such run", "404 Not Found"};
    if (looks == 2) return {"<html>busy</html>"};
    if (looks == 3) return {R"({"status": "running"})"};
    if (looks == 4) return {R"({"state": null})"};
    return {R"({"state": "success"})"};
  });
  const Written written = Execute(OneEach(api));
  EXPECT_EQ(written.triggers.at(0).outcome(), v1::OK) << written.triggers.at(0).error();
  EXPECT_EQ(api.looks(), 5);
  EXPECT_EQ(Errors(written), 4U);
  EXPECT_THAT(Detail(written), HasSubstr("/runs/run%200?of=1: answered with status 404"));
}

TEST_F(CompletionTest, AnEndWithoutItsInstantIsTold) {
  for (const auto& [fields, told] : {std::pair{R"("ended_at": "2001-09-09T01:46:40Z", "of": {})",
                                               "/end points nowhere in it; it has ended_at, of, state: "},
                                     std::pair{R"("end": null)", "/end points at null; it has state: "},
                                     std::pair{R"("end": "")", "/end points at an empty text; it has end, state: "}}) {
    WorkflowApi api([&, &fields = fields](const std::string&, int looks) -> WorkflowApi::Answer {
      return {looks <= 3 ? R"({"state": "running"})" : R"({"state": "success", )" + std::string(fields) + "}"};
    });
    v1::ShareSpec spec = OneEach(api, 3, 3);
    spec.mutable_trigger()->mutable_completion()->mutable_http()->set_finished("/end");
    const Written written = Execute(spec);
    for (const v1::TriggerRecord& record : written.triggers) {
      EXPECT_EQ(record.outcome(), v1::OK) << record.error();
      EXPECT_EQ(record.completed_ns(), record.finished_ns()) << "the look's instant";
      EXPECT_GT(record.completed_error_ns(), 0);
    }
    EXPECT_EQ(written.end->findings_size(), 1) << "once for the share";
    EXPECT_EQ(Errors(written), 3U) << "of three ends; not while they run";
    EXPECT_THAT(Detail(written), StartsWith("finished: " + std::string(told) + "point it at the instant of the end"));
  }
}

TEST_F(CompletionTest, WhatIsMissingIsToldBesideLooksThatFail) {
  WorkflowApi api([](const std::string&, int looks) -> WorkflowApi::Answer {
    if (looks == 1) return {"no such run", "404 Not Found"};
    return {R"({"state": "success", "times": {"stopped": "2001-09-09T01:46:40Z"}})"};
  });
  v1::ShareSpec spec = OneEach(api);
  spec.mutable_trigger()->mutable_completion()->mutable_http()->set_finished("/times/end");
  const Written written = Execute(spec);
  EXPECT_EQ(Errors(written), 2U);
  EXPECT_THAT(Detail(written), AllOf(HasSubstr("answered with status 404; and: finished: /times/end points nowhere"),
                                     HasSubstr("; /times has stopped: ")));
}

TEST_F(CompletionTest, PointersThatPointNowhereAreToldWithWhatThereIs) {
  for (const auto& [body, told] :
       {std::pair{R"({"items": []})", "items: /runs points nowhere in it; it has items"},
        std::pair{R"({"runs": [{"name": "x"}]})", "id: /run_id points nowhere in it; it has name"},
        std::pair{R"({"runs": [{"run_id": "run 0", "status": "success"}]})",
                  "state: /state points nowhere in it; it has run_id, status"},
        std::pair{"[]", "items: /runs points nowhere in it; it is no object"}}) {
    WorkflowApi api([&body = body](const std::string&, int) -> WorkflowApi::Answer { return {body}; });
    v1::ShareSpec spec = Listing(api);
    spec.mutable_trigger()->mutable_completion()->set_timeout_ns(kSecond);
    const Written written = Execute(spec);
    EXPECT_EQ(written.triggers.at(0).outcome(), v1::TIMEOUT) << body;
    EXPECT_THAT(Detail(written), HasSubstr(told)) << body;
  }
}

TEST_F(CompletionTest, AnOddItemHidesNoOthersState) {
  for (const char* odd : {R"({"run_id": "run 0", "state": null})", R"({"state": "success"})"}) {
    std::atomic<bool> mended = false;
    WorkflowApi api([&, odd](const std::string& path, int) -> WorkflowApi::Answer {
      const int offset = Asked(path, "offset");
      const std::string first = std::string(R"({"run_id": "old", "state": "success"},)") +
                                (!mended ? odd : R"({"run_id": "run 0", "state": "success"})");
      return {R"({"runs": [)" +
              (offset == 0   ? first
               : offset == 2 ? R"({"run_id": "run 1", "state": "failed"})"
                             : "") +
              "]}"};
    });
    const v1::ShareSpec spec = Listing(api, 2, 2);
    Begin(spec);
    WaitFor(spec.run_id(), [](const v1::ShareStatus& status) { return status.fired() == 1; });
    mended = true;  // the one on the second page was seen before
    WaitForPhase(spec.run_id(), v1::FIRED);
    const Written written = Finish(spec);
    EXPECT_GE(Errors(written), 1U);
  }
}

TEST_F(CompletionTest, AFaultyListingEndsNothing) {
  for (const char* body : {R"({"runs": [{"run_id": "another", "state": "success"}]})", R"({"items": []})",
                           R"({"runs": {}})", "", R"({"runs": [{"name": "x"}]})"}) {
    WorkflowApi api([body](const std::string&, int) -> WorkflowApi::Answer { return {body}; });
    v1::ShareSpec spec = Listing(api);
    spec.mutable_trigger()->mutable_completion()->set_timeout_ns(kSecond);
    const Written written = Execute(spec);
    EXPECT_EQ(written.triggers.at(0).outcome(), v1::TIMEOUT) << body;
    EXPECT_EQ(written.triggers.at(0).remote_state(), "") << body << ": nobody knows whether it is there";
    EXPECT_GE(Errors(written), 1U) << body;
  }
}

TEST_F(CompletionTest, AServerThatIsGoneIsAFindingAndNoCompletion) {
  auto api = std::make_unique<WorkflowApi>(
      [](const std::string&, int) -> WorkflowApi::Answer { return {R"({"state": "running"})"}; });
  v1::ShareSpec spec = OneEach(*api);
  spec.mutable_trigger()->mutable_completion()->set_timeout_ns(3 * kSecond);
  Begin(spec);
  WaitFor(spec.run_id(), [&](const v1::ShareStatus&) { return api->looks() >= 2; });
  EXPECT_EQ(Status(spec.run_id())->notices_size(), 0);
  api.reset();
  const v1::ShareStatus failing =
      WaitFor(spec.run_id(), [](const v1::ShareStatus& status) { return status.notices_size() == 1; });
  EXPECT_THAT(failing.notices(0), HasSubstr("no look at what triggers started went well"));
  WaitForPhase(spec.run_id(), v1::FIRED);
  const Written written = Finish(spec);
  EXPECT_EQ(written.triggers.at(0).outcome(), v1::TIMEOUT);
  EXPECT_EQ(written.triggers.at(0).remote_state(), "running");
  EXPECT_GE(Errors(written), 1U);
  EXPECT_LE(Errors(written), 60U) << "it backs off";
}

TEST_F(CompletionTest, AnAnswerWithoutAnIdFails) {
  WorkflowApi api([](const std::string&, int) -> WorkflowApi::Answer { return {"{}"}; });
  v1::ShareSpec spec = OneEach(api);
  spec.mutable_trigger()->mutable_completion()->set_remote_id_pointer("/dag_run_id");
  const Written written = Execute(spec);
  EXPECT_EQ(written.triggers.at(0).outcome(), v1::FAILED);
  EXPECT_EQ(written.triggers.at(0).error(), "no remote id in the answer: /dag_run_id points nowhere in it");
  EXPECT_EQ(written.triggers.at(0).output(), R"({"run_id": "run 0"})") << "what it was is kept";
  EXPECT_EQ(api.looks(), 0);
}

TEST_F(CompletionTest, WhatIsNotAcceptedIsNotFollowed) {
  WorkflowApi api([](const std::string&, int) -> WorkflowApi::Answer { return {"{}"}; });
  api.status_of_start = 409;
  const Written written = Execute(OneEach(api));
  EXPECT_EQ(written.triggers.at(0).outcome(), v1::FAILED);
  EXPECT_EQ(written.triggers.at(0).error(), "answered with status 409");
  EXPECT_FALSE(written.triggers.at(0).has_accepted_ns());
  EXPECT_EQ(api.looks(), 0);
}

TEST_F(CompletionTest, CancelledWhileItGoesOn) {
  WorkflowApi api([](const std::string&, int) -> WorkflowApi::Answer { return {R"({"state": "running"})"}; });
  const v1::ShareSpec spec = OneEach(api, 10, 4);
  Begin(spec);
  WaitFor(spec.run_id(), [&](const v1::ShareStatus&) { return api.looks() >= 8; });
  Want(spec, v1::CANCEL);
  Exchange();
  WaitForPhase(spec.run_id(), v1::ENDED);
  const Written written = sink_.Of(spec.run_id());
  ASSERT_EQ(written.triggers.size(), 4U);
  for (const v1::TriggerRecord& record : written.triggers) {
    EXPECT_EQ(record.outcome(), v1::CANCELLED);
    EXPECT_EQ(record.remote_state(), "running");
  }
}

TEST_F(CompletionTest, AProcessTellsTheIdByAPattern) {
  WorkflowApi api([](const std::string& path, int) -> WorkflowApi::Answer {
    EXPECT_EQ(path, "/runs/flow-17?of=1");
    return {R"({"state": "success", "end": "2001-09-09T01:46:40Z"})"};
  });
  v1::ShareSpec spec = OneEach(api);
  v1::ExecTrigger& exec = *spec.mutable_trigger()->mutable_exec();
  for (const char* word : {"sh", "-c", "echo submitting; echo 'Created flow run flow-17.'"}) exec.add_argv(word);
  spec.mutable_trigger()->mutable_completion()->set_remote_id_pattern("flow run (\\S+)\\.");
  spec.mutable_trigger()->mutable_completion()->mutable_http()->set_finished("/end");
  const Written written = Execute(spec);
  const v1::TriggerRecord& record = written.triggers.at(0);
  EXPECT_EQ(record.outcome(), v1::OK) << record.error();
  EXPECT_EQ(record.remote_id(), "flow-17");
  EXPECT_EQ(record.completed_error_ns(), kSecond) << "whole seconds";
  EXPECT_LT(record.completed_ns(), -10'000'000 * kSecond) << "as the target says, however odd";
  EXPECT_GT(record.finished_ns(), 0);
}

}  // namespace
}  // namespace assay
