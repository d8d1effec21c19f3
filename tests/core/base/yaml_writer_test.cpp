// SPDX-License-Identifier: MIT
#include "core/base/yaml_writer.hpp"

#include "core/base/config_node.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace isoflop {
namespace {

using testing::HasSubstr;

ConfigNode read_back(const YamlWriter& yaml, const std::string& key) {
  MapReader map(ConfigNode::parse(yaml.text(), "written.yaml"));
  return map.required_node(key);
}

TEST(YamlWriter, writes_nested_maps_and_lists) {
  YamlWriter yaml;
  yaml.entry("a", 1).begin_map("m").entry("x", 0.5).begin_list("l");
  yaml.begin_item().entry("q", "one").end_map().begin_item().entry("q", "two").end_map();
  yaml.end_list().end_map().entry("z", true);
  EXPECT_EQ(yaml.text(), "a: 1\nm:\n  x: 0.5\n  l:\n    - q: one\n    - q: two\nz: true\n");
}

TEST(YamlWriter, comments_stand_on_their_own_line_or_behind_a_value) {
  YamlWriter yaml;
  yaml.comment("head").entry("a", 1, "unit").comment("two\nlines").entry("b", 2);
  EXPECT_EQ(yaml.text(), "# head\na: 1  # unit\n# two\n# lines\nb: 2\n");
}

TEST(YamlWriter, a_comment_that_opens_a_map_stays_in_it) {
  YamlWriter yaml;
  yaml.entry("a", 1).begin_map("m").comment("why").entry("x", 2).comment("more").entry("y", 3);
  yaml.end_map();
  EXPECT_EQ(yaml.text(), "a: 1\nm:\n  # why\n  x: 2\n  # more\n  y: 3\n");
}

TEST(YamlWriter, text_stays_text_whatever_it_looks_like) {
  for (const std::string text : {"1e5",       "12",
                                 "yes",       "No",
                                 "on",        "y",
                                 "true",      "null",
                                 "~",         "",
                                 " lead",     "trail ",
                                 "a: b",      "#x",
                                 "a #b",      "- x",
                                 "{a}",       "[b",
                                 "!tag",      "&a",
                                 "*a",        "'q'",
                                 "\"q\"",     "back\\slash",
                                 "%x",        "two\nlines\n",
                                 "tab\there", "0x1F",
                                 "0o17",      "1_000",
                                 "12:30",     "2026-01-01",
                                 ".inf",      ".5",
                                 "+1",        "-",
                                 "é 😀",       "?",
                                 "@x",        "`x`",
                                 ">",         "|"}) {
    YamlWriter yaml;
    yaml.entry("k", text).entry("list", std::vector<std::string>{text, "next"});
    EXPECT_EQ(read_back(yaml, "k").as<std::string>(), text) << yaml.text();
    EXPECT_EQ(read_back(yaml, "list").items().at(0).as<std::string>(), text) << yaml.text();
    EXPECT_EQ(read_back(yaml, "list").items().size(), 2u) << yaml.text();
  }
}

// Other readers (YAML 1.1, such as PyYAML) turn these into numbers, times and dates.
TEST(YamlWriter, text_that_other_readers_would_convert_is_quoted) {
  for (const std::string text : {"0x1F", "1_000", "12:30:00", "2026-01-01", "+1", ".5", "1e5"}) {
    YamlWriter yaml;
    yaml.entry("k", text);
    EXPECT_EQ(yaml.text(), "k: \"" + text + "\"\n");
  }
}

TEST(YamlWriter, plain_text_is_not_quoted) {
  YamlWriter yaml;
  yaml.entry("k", "data/gcide").entry("l", std::vector<std::string>{"a", "b c"});
  EXPECT_EQ(yaml.text(), "k: data/gcide\nl: [a, b c]\n");
}

TEST(YamlWriter, doubles_round_trip) {
  for (const double value :
       {0.1, 1.0 / 3, 1e-300, 123456789.125, -0.0, 5e-324, std::numeric_limits<double>::max()}) {
    YamlWriter yaml;
    yaml.entry("k", value).entry("l", std::vector<double>{value});
    EXPECT_EQ(read_back(yaml, "k").as<double>(), value) << yaml.text();
    EXPECT_EQ(read_back(yaml, "l").items().at(0).as<double>(), value);
  }
}

TEST(YamlWriter, values_that_are_not_finite_have_yaml_s_spelling) {
  YamlWriter yaml;
  yaml.entry("a", std::nan("")).entry("b", HUGE_VAL).entry("c", -HUGE_VAL);
  EXPECT_EQ(yaml.text(), "a: .nan\nb: .inf\nc: -.inf\n");
}

TEST(YamlWriter, whole_numbers_keep_all_digits) {
  YamlWriter yaml;
  yaml.entry("k", std::numeric_limits<int64_t>::min());
  EXPECT_EQ(read_back(yaml, "k").as<int64_t>(), std::numeric_limits<int64_t>::min());
}

TEST(YamlWriter, empty_lists_and_maps_read_back_empty) {
  YamlWriter yaml;
  yaml.begin_list("l").end_list().begin_map("m").end_map();
  yaml.entry("v", std::vector<std::string>{});
  EXPECT_TRUE(read_back(yaml, "l").items().empty());
  EXPECT_TRUE(read_back(yaml, "m").entries().empty());
  EXPECT_TRUE(read_back(yaml, "v").items().empty());
}

}  // namespace
}  // namespace isoflop
