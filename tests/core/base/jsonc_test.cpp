// SPDX-License-Identifier: MIT
#include "core/base/jsonc.hpp"

#include "core/base/config_node.hpp"
#include "core/base/error.hpp"
#include "support/error_matchers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

using test::message_of;
using testing::HasSubstr;

ConfigNode value(const std::string& json, const std::string& key) {
  MapReader map(ConfigNode::parse(json, "c.json", ConfigSyntax::json_with_comments));
  return map.required_node(key);
}

TEST(Jsonc, comments_go_and_lines_stay) {
  const std::string json = "{ // one\n /* two\n lines */ \"a\": 1,\n\t\"b\": [1, 2]\n}\n";
  EXPECT_EQ(value(json, "a").where(), "c.json:3");
  EXPECT_EQ(value(json, "b").where(), "c.json:4");
}

TEST(Jsonc, comment_signs_inside_text_are_text) {
  const std::string json = R"({"url": "https://x.org/a//b", "c": "/* no */", "q": "\"// \\"})";
  EXPECT_EQ(value(json, "url").as<std::string>(), "https://x.org/a//b");
  EXPECT_EQ(value(json, "c").as<std::string>(), "/* no */");
  EXPECT_EQ(value(json, "q").as<std::string>(), "\"// \\");
}

TEST(Jsonc, json_means_the_same_as_yaml) {
  const std::string json =
      R"({"n":12,"x":1E-5,"t":true,"s":"null","z":null,"h":"a # b","o":{"k":[]},"e":"","p":"\/"})";
  EXPECT_EQ(value(json, "n").as<int>(), 12);
  EXPECT_EQ(value(json, "x").as<double>(), 1e-5);
  EXPECT_TRUE(value(json, "t").as<bool>());
  EXPECT_EQ(value(json, "s").as<std::string>(), "null");
  EXPECT_EQ(value(json, "h").as<std::string>(), "a # b");
  EXPECT_EQ(value(json, "e").as<std::string>(), "");
  EXPECT_EQ(value(json, "p").as<std::string>(), "/");
  EXPECT_THROW(value(json, "z"), ConfigError);
  EXPECT_TRUE(value(json, "o").entries().at(0).second.items().empty());
}

TEST(Jsonc, escaped_characters_beyond_the_basic_plane_are_read) {
  EXPECT_EQ(value(R"({"a": "\u00e9 \ud83d\ude00"})", "a").as<std::string>(), "é 😀");
  EXPECT_EQ(value(R"({"a": "\\ud83d\\ude00"})", "a").as<std::string>(), "\\ud83d\\ude00");
}

TEST(Jsonc, yaml_that_is_not_json_is_refused_with_its_line) {
  for (const char* text : {"{\n \"a\": 1,\n}", "{\n a: 1\n}", "{\n \"a\": 'x'\n}", "{\n \"a\": 1"})
    EXPECT_THAT(message_of<ConfigError>([&] { json_to_yaml(text, "c.json"); }),
                testing::ContainsRegex("c\\.json:[23]: does not parse as JSON"))
        << text;
  EXPECT_THROW(json_to_yaml("", "c.json"), ConfigError);
  EXPECT_THROW(json_to_yaml("{} /* open", "c.json"), ConfigError);
}

TEST(Jsonc, a_key_given_twice_is_an_error) {
  EXPECT_THAT(message_of<ConfigError>([] { value("{\"a\": 1,\n\"a\": 2}", "a"); }),
              HasSubstr("c.json:2: key 'a' is given twice"));
}

}  // namespace
}  // namespace isoflop
