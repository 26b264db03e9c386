#include "common/grpc_words.h"
#include "coordinator/scenario/rule_parts.h"

namespace assay::rules {
namespace {

// HTTP.
const Rule kMethod{.kind = ValueKind::kWord, .words = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}};
const Rule kHttpText = Template(kTriggerNames);
const Rule kHttpHeaders = TextMapOf(kHttpText);
const Rule kTokenText = Template(kTriggerNames | kNameToken);
const Rule kTokenHeaders = TextMapOf(kTokenText);
const Shape kBodyShape{.fields = {{"text", &kHttpText, "as it is", false, true},
                                  {"json", &kJson, "any value, sent as JSON with its content type", false, true}},
                       .atomic = true,
                       .choice_required = true};
const Rule kBody = MapOf(kBodyShape);
const Rule kStatus{.kind = ValueKind::kStatus};
const Shape kExpectShape{.fields = {{"status", &kStatus, "what is ok: 200, 2xx, or a list; default: 2xx"}}};
const Rule kExpect = MapOf(kExpectShape);
const Rule kHttpVersion{.kind = ValueKind::kWord, .words = {"auto", "1.1", "2"}};
const Shape kTlsShape{.fields = {{"verify", &kBoolean, "whether the certificate is checked; default: true"},
                                 {"ca", &kPath, "PEM file on the agent's host; default: the system's"}}};
const Rule kTls = MapOf(kTlsShape);
const Rule kOnceHeaders = TextMapOf(kOnceText);
const Rule kOnceJson{.kind = ValueKind::kJson, .runtime_names = kRunNames};
const Shape kOnceBodyShape{
    .fields = {{"text", &kOnceText, "as it is", false, true},
               {"json", &kOnceJson, "any value, sent as JSON with its content type", false, true}},
    .atomic = true,
    .choice_required = true};
const Rule kOnceBody = MapOf(kOnceBodyShape);
const Shape kLoginShape{.fields = {{"url", &kOnceText, "http:// or https://; asked once before T0", true},
                                   {"method", &kMethod, "default: GET, or POST with a body"},
                                   {"headers", &kOnceHeaders, "sent with it"},
                                   {"body", &kOnceBody, "what is sent"},
                                   {"token", &kPointer, "JSON pointer to $(token) in the answer", true}}};
const Shape kHttpShape{
    .fields = {{"url", &kHttpText, "http:// or https://", true},
               {"method", &kMethod, "default: GET, or POST with a body"},
               {"headers", &kTokenHeaders, "sent with every request"},
               {"body", &kBody, "what is sent"},
               {"login", &kLogin, "a request before T0 that gives $(token) for headers"},
               {"expect", &kExpect, "what counts as ok"},
               {"version", &kHttpVersion, "auto: 2 where TLS offers it, else 1.1; 2 without TLS: with prior knowledge"},
               {"tls", &kTls, "of https://"},
               {"connect_timeout", &kTimeout, "of resolving, connecting and TLS; default: the trigger's timeout"},
               {"first_byte_timeout", &kTimeout, "until the answer begins; default: the trigger's timeout"}}};

// gRPC calls.
const Rule kGrpcTarget = Template(kRunNames);
const Rule kGrpcCode{.kind = ValueKind::kWord, .words = {kGrpcCodeNames.begin(), kGrpcCodeNames.end()}};
const Shape kGrpcExpectShape{.fields = {{"status", &kGrpcCode, "the code that is ok; default: OK"}}};
const Rule kGrpcExpect = MapOf(kGrpcExpectShape);
const Rule kGrpcConnections = Integer(1, 1'000);
const Shape kGrpcShape{
    .fields = {{"target", &kGrpcTarget, "HOST:PORT or unix:PATH; connected to before T0", true},
               {"method", &kText, "of unary calls: pkg.Service/Call", true},
               {"json", &kJson, "the request, encoded by what the server or descriptors say", false, true},
               {"bytes", &kText, "the encoded request, in base64", false, true},
               {"descriptors", &kPath, "FileDescriptorSet on the agent's host; default: the server's reflection"},
               {"metadata", &kHttpHeaders, "sent with every call; names are in lower case"},
               {"expect", &kGrpcExpect, "what counts as ok"},
               {"tls", &kTls, "absent: no TLS; {}: the system's certificates"},
               {"connections", &kGrpcConnections, "of one agent; default: 1"}}};

}  // namespace

const Rule kLogin = MapOf(kLoginShape);
const Rule kHttp = MapOf(kHttpShape);
const Rule kGrpc = MapOf(kGrpcShape);

}  // namespace assay::rules
