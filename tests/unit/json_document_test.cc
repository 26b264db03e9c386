#include "common/json_document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace assay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

TEST(JsonDocument, IsAskedByPointers) {
  const auto json = JsonDocument::Parse(R"({"a/b": {"c~d": [1, {"s": "x", "t": 2.5, "n": null, "b": true}]}})");
  ASSERT_TRUE(json.ok()) << json.status();
  EXPECT_EQ(*json->root().Text("/a~1b/c~0d/0"), "1");
  EXPECT_EQ(*json->root().Text("/a~1b/c~0d/1/s"), "x");
  EXPECT_EQ(*json->root().Text("/a~1b/c~0d/1/t"), "2.5");
  EXPECT_EQ(*json->root().Text("/a~1b/c~0d/1/b"), "true");
  EXPECT_EQ(json->root().Items("/a~1b/c~0d")->size(), 2U);
  EXPECT_EQ(*json->root().Items("/a~1b/c~0d")->at(1).Text("/s"), "x");
  EXPECT_EQ(*JsonDocument::Parse(" \"running\" ")->root().Text(""), "running");
}

TEST(JsonDocument, SaysWhyThereIsNothing) {
  const auto json = JsonDocument::Parse(R"({"a": [1], "n": null})");
  const auto why = [&](const std::string& pointer) {
    return std::string(json->root().Text(pointer).status().message());
  };
  EXPECT_THAT(why("/b"), HasSubstr("/b points nowhere"));
  EXPECT_THAT(why("/a/5"), HasSubstr("points nowhere"));
  EXPECT_THAT(why("/a/-"), HasSubstr("points nowhere"));
  EXPECT_THAT(why("/a/01"), HasSubstr("points nowhere"));
  EXPECT_THAT(why("/a"), HasSubstr("array"));
  EXPECT_THAT(why("/n"), HasSubstr("null"));
  EXPECT_THAT(why("b"), HasSubstr("no JSON pointer"));
  EXPECT_THAT(std::string(json->root().Items("/n").status().message()), HasSubstr("no list"));
  EXPECT_THAT(std::string(JsonDocument::Parse("<html>\n").status().message()), HasSubstr("begins with '<html>?'"));
  EXPECT_THAT(std::string(JsonDocument::Parse("").status().message()), HasSubstr("empty"));
  EXPECT_FALSE(JsonDocument::Parse("{} x").ok());
  EXPECT_FALSE(JsonDocument::Parse(std::string(100'000, '[')).ok());
}

TEST(JsonDocument, ListsAndObjectsAreJsonAgainWhereThatIsWanted) {
  const auto json =
      JsonDocument::Parse(R"({"a": [1, {"b": "x"}], "n": null, "s": "t", "": 7, "o": {"k": "v", "n": null, "m": 2}})");
  EXPECT_EQ(json->root().TextOrJson("/a"), R"([1,{"b":"x"}])");
  EXPECT_EQ(json->root().TextOrJson("/s"), "t");
  EXPECT_EQ(json->root().TextOrJson("/"), "7") << "a field may have an empty name";
  for (const char* nothing : {"/n", "/none", "/s/0", "s", "/a/18446744073709551616"})
    EXPECT_EQ(json->root().TextOrJson(nothing), std::nullopt) << nothing;
  EXPECT_THAT(*json->root().Fields("/o"), ElementsAre(Pair("k", "v"), Pair("m", "2")));
  EXPECT_THAT(std::string(json->root().Fields("/a").status().message()), HasSubstr("/a points at no object"));
  EXPECT_THAT(std::string(json->root().Items("").status().message()), HasSubstr("it is no list"));
}

}  // namespace
}  // namespace assay
