#include "common/host_port.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace assay {
namespace {

using testing::HasSubstr;

std::string Refusal(std::string_view address, bool serves = false) {
  return std::string(CheckHostPort(address, serves).message());
}

TEST(HostPort, NamesAndAddressesWithAPort) {
  for (const char* good : {"head:7420", "10.0.0.1:1", "[::1]:7420", "a-b.c_d.example:65535"})
    EXPECT_EQ(CheckHostPort(good), absl::OkStatus());
  EXPECT_EQ(CheckHostPort("0.0.0.0:0", /*serves=*/true), absl::OkStatus());
}

TEST(HostPort, WhatIsNoneIsRefusedWithTheMend) {
  EXPECT_EQ(Refusal("http://head:7420"),
            "'http://head:7420' is a URL; give HOST:PORT without http://, such as head:7420");
  EXPECT_EQ(Refusal("grpc://head:7420/x"),
            "'grpc://head:7420/x' is a URL; give HOST:PORT without grpc://, such as head:7420");
  EXPECT_EQ(Refusal("dns:///"), "'dns:///' is a URL; give HOST:PORT without dns://");
  EXPECT_THAT(Refusal("head"), HasSubstr("has no port; write HOST:PORT"));
  EXPECT_THAT(Refusal(""), HasSubstr("has no port"));
  EXPECT_THAT(Refusal("head:"), HasSubstr("has no port; write HOST:PORT"));
  EXPECT_THAT(Refusal(":7420"), HasSubstr("has no host"));
  EXPECT_THAT(Refusal(":7420", true), HasSubstr("0.0.0.0:7420"));
  EXPECT_THAT(Refusal("::1:7420"), HasSubstr("[ADDRESS]:PORT"));
  EXPECT_THAT(Refusal("a/b:7420"), HasSubstr("no name or address"));
  for (const char* bad : {"head:http", "head:0", "head:65536", "head:-1", "head:7420 "})
    EXPECT_THAT(Refusal(bad), HasSubstr("has no port from 1 to 65535"));
}

}  // namespace
}  // namespace assay
