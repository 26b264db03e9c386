// What is wrong with a gRPC trigger, and can be known before T0, refuses the share.
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.pb.h>

#include <string>

#include "../temp_dir.h"
#include "grpc_fixture.h"
#include "tests/targets/echo_server.h"

namespace assay {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string EchoFiles(bool with_imports) {
  google::protobuf::FileDescriptorSet files;
  test::EchoRequest::descriptor()->file()->CopyTo(files.add_file());
  if (!with_imports) files.mutable_file(0)->add_dependency("other/types.proto");
  return files.SerializeAsString();
}

class GrpcPrepareTest : public GrpcTest {
 protected:
  // With the method and the JSON that a description of the service has to allow.
  v1::ShareSpec Asking(const std::string& method, const std::string& json) {
    v1::ShareSpec spec = JsonSpec(server_.Address(), json);
    spec.mutable_trigger()->mutable_grpc()->set_method(method);
    return spec;
  }

  v1::ShareSpec Describing(v1::ShareSpec spec, const std::string& descriptors) {
    spec.mutable_trigger()->mutable_grpc()->set_descriptors(descriptors);
    return spec;
  }

  const TempDir dir_;
  const EchoServer server_{{}};
  const EchoServer silent_{{.reflection = false}};
};

TEST_F(GrpcPrepareTest, MethodsThatAreNotThereNameTheNearest) {
  EXPECT_THAT(
      Refusal(Asking("assay.test.Echo/Cal", "{}")),
      AllOf(HasSubstr("agent 'alpha': grpc trigger: there is no method assay.test.Echo/Cal in the reflection of "),
            HasSubstr("did you mean assay.test.Echo/Call?")));
  EXPECT_THAT(Refusal(Asking("assay.test.Ecco/Call", "{}")),
              AllOf(HasSubstr("asked by reflection, " + server_.Address() + ": it has no service assay.test.Ecco"),
                    HasSubstr("did you mean assay.test.Echo?")));
  EXPECT_THAT(Refusal(Asking("zzz.Service/Call", "{}")), HasSubstr("it has assay.test.Echo"));
  EXPECT_THAT(Refusal(Asking("assay.test.Echo/Watch", "{}")),
              HasSubstr("method assay.test.Echo/Watch streams; only unary calls can be fired"));
  EXPECT_THAT(Refusal(Asking("assay.test.Echo", "{}")), HasSubstr("'assay.test.Echo' is not package.Service/Call"));
}

TEST_F(GrpcPrepareTest, JsonThatDoesNotFitNamesTheField) {
  const auto refusal = [this](const std::string& json) { return Refusal(Asking("assay.test.Echo/Call", json)); };
  EXPECT_THAT(
      refusal(R"({"numbr": 1})"),
      HasSubstr("json of assay.test.Echo/Call: assay.test.EchoRequest has no field 'numbr'; did you mean 'number'?"));
  EXPECT_THAT(refusal(R"({"points": [{"x": 1}, {"zzz": 1}]})"),
              HasSubstr("assay.test.Point has no field 'points.zzz'; it has x, y"));
  EXPECT_THAT(refusal(R"({"places": {"home": {"xx": 1}}})"), HasSubstr("has no field 'places.home.xx'"));
  EXPECT_THAT(refusal(R"({"number": "many"})"),
              AllOf(HasSubstr("it does not fit assay.test.EchoRequest"), HasSubstr("number"), HasSubstr("many")));
  EXPECT_THAT(refusal(R"({"since": "yesterday"})"), AllOf(HasSubstr("since"), HasSubstr("yesterday")));
  EXPECT_THAT(refusal(R"({"blob": 0})"),
              AllOf(HasSubstr("blob"), HasSubstr("; bytes are written as base64 text in JSON")));
  EXPECT_THAT(refusal("[1]"), HasSubstr("it does not fit assay.test.EchoRequest"));
  EXPECT_THAT(refusal("null"), HasSubstr("it does not fit assay.test.EchoRequest"));
}

// With descriptors it needs not be asked, and that it is not there is a finding.
TEST_F(GrpcPrepareTest, AHostThatCannotBeResolvedCannotBeAskedAndIsNamed) {
  EXPECT_THAT(
      Refusal(JsonSpec("no.such.host.invalid:50051", "{}")),
      AllOf(HasSubstr("agent 'alpha': grpc trigger: asked by reflection, no.such.host.invalid:50051: UNAVAILABLE: "),
            HasSubstr("where it cannot be asked, give the trigger 'descriptors'")));
}

TEST_F(GrpcPrepareTest, APeerThatSaysNothingCannotBeAskedAndIsNamed) {
  const SilentPeer peer;
  EXPECT_THAT(Refusal(JsonSpec(peer.Address(), "{}")),
              AllOf(HasSubstr("agent 'alpha': grpc trigger: asked by reflection, " + peer.Address() + ": "),
                    HasSubstr("where it cannot be asked, give the trigger 'descriptors'")));
}

TEST_F(GrpcPrepareTest, AServerWithoutReflectionNeedsDescriptors) {
  const v1::ShareSpec spec = JsonSpec(silent_.Address(), R"({"text": "x"})");
  EXPECT_THAT(Refusal(spec), HasSubstr("it has no reflection; give the trigger 'descriptors'"));
  // The imports of protobuf itself need not be in the file.
  const std::string file = dir_.Write("echo.pb", EchoFiles(/*with_imports=*/true));
  v1::ShareSpec described = Describing(JsonSpec(silent_.Address(), R"({"since": "2024-01-02T03:04:05Z"})"), file);
  EXPECT_EQ(One(described).error(), "");
  v1::ShareSpec refused = JsonSpec("127.0.0.1:1", "{}");
  EXPECT_THAT(Refusal(refused),
              AllOf(HasSubstr("asked by reflection, 127.0.0.1:1: UNAVAILABLE: "), HasSubstr("refused")));
  EXPECT_EQ(One(Describing(JsonSpec("127.0.0.1:1", "{}"), file)).status(), 14) << "a finding, with descriptors";
}

TEST_F(GrpcPrepareTest, AMethodThatIsNotInTheDescriptorsRefusesTheShareWithFileAndNearestName) {
  const std::string file = dir_.Write("echo.pb", EchoFiles(/*with_imports=*/true));
  EXPECT_THAT(
      Refusal(Describing(Asking("assay.test.Echo/Wach", "{}"), file)),
      AllOf(HasSubstr("agent 'alpha': grpc trigger: there is no method assay.test.Echo/Wach in descriptors " + file),
            HasSubstr("did you mean assay.test.Echo/Watch?")));
  EXPECT_THAT(Refusal(Describing(Asking("assay.test.Ecco/Call", "{}"), file)),
              AllOf(HasSubstr("assay.test.Ecco"), HasSubstr(file), HasSubstr("did you mean assay.test.Echo")));
  // Also where the request is not JSON: a wrong method is then known before T0.
  v1::ShareSpec raw = Describing(Spec(server_.Address()), file);
  raw.mutable_trigger()->mutable_grpc()->set_method("assay.test.Echo/Wach");
  EXPECT_THAT(Refusal(raw), HasSubstr("did you mean assay.test.Echo/Watch?"));
}

TEST_F(GrpcPrepareTest, DescriptorsThatAreOfNoUse) {
  const auto refusal = [this](const std::string& descriptors) {
    return Refusal(Describing(Asking("assay.test.Echo/Call", "{}"), descriptors));
  };
  EXPECT_THAT(refusal("/no/such.pb"), HasSubstr("cannot read descriptors /no/such.pb on this host: No such file"));
  EXPECT_THAT(refusal(dir_.path()), HasSubstr("is not a FileDescriptorSet"));
  EXPECT_THAT(refusal(dir_.Write("x.proto", "syntax = \"proto3\";")), HasSubstr("is not a FileDescriptorSet"));
  EXPECT_THAT(
      refusal(dir_.Write("part.pb", EchoFiles(/*with_imports=*/false))),
      AllOf(HasSubstr("part.pb is not complete"), HasSubstr("other/types.proto"), HasSubstr("--include_imports")));
}

TEST_F(GrpcPrepareTest, WhatCannotBeSentIsRefused) {
  v1::ShareSpec spec = Spec(server_.Address());
  (*spec.mutable_trigger()->mutable_grpc()->mutable_metadata())["X-Upper"] = "a";
  EXPECT_THAT(Refusal(spec), HasSubstr("metadata: 'X-Upper' cannot be a name"));
  spec = Spec(server_.Address());
  (*spec.mutable_trigger()->mutable_grpc()->mutable_metadata())["x"] = "line\nbreak";
  EXPECT_THAT(Refusal(spec), HasSubstr("metadata: the value of 'x' holds more than printable ASCII"));
  EXPECT_THAT(Refusal(Spec("no-port")), HasSubstr("target: "));
  spec = Spec(server_.Address());
  spec.mutable_trigger()->mutable_grpc()->set_tls(true);
  spec.mutable_trigger()->mutable_grpc()->set_ca_file("/no/ca.pem");
  EXPECT_THAT(Refusal(spec), HasSubstr("cannot read the certificates of tls.ca, /no/ca.pem: No such file"));
  Restart({.agent_name = "alpha", .sampler = {}, .max_processes = 0, .max_sockets = 10});
  spec = Spec(server_.Address());
  spec.mutable_trigger()->mutable_grpc()->set_connections(11);
  EXPECT_THAT(Refusal(spec), HasSubstr("raise 'ulimit -n' there, or lower 'connections'"));
}

}  // namespace
}  // namespace assay
