// SPDX-License-Identifier: MIT
#include "core/base/config_node.hpp"

#include "core/base/error.hpp"
#include "core/base/text_file.hpp"
#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

using test::message_of;
using test::TempDir;
using testing::HasSubstr;
using testing::StartsWith;

ConfigNode parse(const std::string& text) { return ConfigNode::parse(text, "a.yaml"); }

/// The value of the key x in "x: <value>".
ConfigNode value_of(const std::string& value) {
  return parse("x: " + value).entries().at(0).second;
}

template <typename T>
std::string error_as(const std::string& value) {
  return message_of<ConfigError>([&] { value_of(value).as<T>(); });
}

TEST(ConfigNode, every_value_knows_its_line) {
  const ConfigNode root = parse("# head\nname: x\n\npartitions:\n  - nodes: 4\n  - nodes: 8\n");
  const auto entries = root.entries();
  EXPECT_EQ(entries[0].second.where(), "a.yaml:2");
  const ConfigNode second = entries[1].second.items().at(1).entries().at(0).second;
  EXPECT_EQ(second.where(), "a.yaml:6");
  EXPECT_EQ(second.key_path(), "partitions[1].nodes");
}

TEST(ConfigNode, an_empty_value_knows_its_line) {
  const ConfigNode node = parse("a: 1\nb:\nc: 2\n").entries().at(1).second;
  EXPECT_TRUE(node.is_null());
  EXPECT_EQ(node.where(), "a.yaml:2");
}

TEST(ConfigNode, reads_scalars) {
  EXPECT_EQ(value_of("text with spaces").as<std::string>(), "text with spaces");
  EXPECT_EQ(value_of("'1e5'").as<std::string>(), "1e5");
  EXPECT_EQ(value_of("-7").as<int64_t>(), -7);
  EXPECT_EQ(value_of("+7").as<int64_t>(), 7);
  EXPECT_EQ(value_of("9223372036854775807").as<int64_t>(), INT64_MAX);
  EXPECT_EQ(value_of("2.5e-3").as<double>(), 2.5e-3);
  EXPECT_EQ(value_of("3").as<double>(), 3.0);
  EXPECT_EQ(value_of("a/b").as<std::filesystem::path>(), "a/b");
}

TEST(ConfigNode, whole_numbers_may_have_an_exponent_when_exact) {
  EXPECT_EQ(value_of("1e9").as<int64_t>(), 1'000'000'000);
  EXPECT_EQ(value_of("2.5e3").as<int64_t>(), 2500);
  EXPECT_THAT(error_as<int64_t>("2.5"), HasSubstr("x is '2.5' (must be a whole number)"));
  EXPECT_THAT(error_as<int64_t>("1e-1"), HasSubstr("must be a whole number"));
  EXPECT_THAT(error_as<int64_t>("1e19"), HasSubstr("must be a whole number"));
}

TEST(ConfigNode, numbers_with_rubbish_are_refused) {
  for (const char* text : {"12 GiB", "0x10", "1_000", "+-5", "++5", "", "nan", ".inf", "[1]"}) {
    EXPECT_THAT(error_as<int64_t>(text), HasSubstr("must be a whole number")) << text;
    EXPECT_THAT(error_as<double>(text), HasSubstr("must be a number")) << text;
  }
  EXPECT_THAT(error_as<double>("1e999"), HasSubstr("must be a number"));
  EXPECT_THAT(error_as<int>("2147483648"), HasSubstr("below 2^31"));
}

TEST(ConfigNode, truth_values_are_words) {
  for (const char* text : {"true", "True", "yes", "on"}) EXPECT_TRUE(value_of(text).as<bool>());
  for (const char* text : {"false", "False", "no", "off"}) EXPECT_FALSE(value_of(text).as<bool>());
  EXPECT_THAT(error_as<bool>("1"), HasSubstr("x is '1' (must be true or false)"));
}

TEST(ConfigNode, text_must_be_a_scalar) {
  EXPECT_THAT(error_as<std::string>("[1]"), HasSubstr("x is 'a list' (must be text)"));
  EXPECT_THAT(error_as<std::string>("{a: 1}"), HasSubstr("x is 'a map' (must be text)"));
  EXPECT_THAT(error_as<std::string>("null"), HasSubstr("x is 'null' (must be text)"));
}

TEST(ConfigNode, a_map_is_no_list_and_a_list_no_map) {
  EXPECT_THAT(message_of<ConfigError>([] { value_of("{a: 1}").items(); }),
              HasSubstr("x is 'a map' (must be a list)"));
  EXPECT_THAT(message_of<ConfigError>([] { parse("- 1\n").entries(); }),
              HasSubstr("a.yaml:1: the document is 'a list' (must be a map of keys and values)"));
}

TEST(ConfigNode, a_key_given_twice_is_an_error_with_both_lines) {
  EXPECT_THAT(message_of<ConfigError>([] { parse("a: 1\nb: 2\na: 3\n").entries(); }),
              HasSubstr("a.yaml:3: key 'a' is given twice (first at a.yaml:1); remove one"));
}

TEST(ConfigNode, what_does_not_parse_is_named_with_line_and_column) {
  EXPECT_THAT(message_of<ConfigError>([] { parse("a: 1\nb: [1, 2\n"); }),
              StartsWith("a.yaml:3: does not parse as YAML (column 1"));
  EXPECT_THAT(message_of<ConfigError>([] { parse("a: 1\n\tb: 2\n"); }), StartsWith("a.yaml:"));
}

TEST(ConfigNode, a_second_document_is_an_error_and_not_ignored) {
  EXPECT_THAT(message_of<ConfigError>([] { parse("a: 1\n---\nb: 2\n"); }),
              HasSubstr("a.yaml: holds 2 YAML documents (must be one)"));
}

TEST(ConfigNode, empty_document_is_null) {
  EXPECT_TRUE(parse("").is_null());
  EXPECT_TRUE(parse("# only a comment\n").is_null());
}

TEST(ConfigNode, errors_stay_on_one_line_and_short) {
  const std::string message = error_as<int64_t>("\"" + std::string(500, 'x') + "\\nsecond\"");
  EXPECT_EQ(message.find('\n'), std::string::npos);
  EXPECT_LT(message.size(), 200u);
}

TEST(ConfigNode, load_takes_the_syntax_from_the_name) {
  const TempDir dir;
  write_text_file(dir / "c.json", "{\n  // comment\n  \"n_layer\": 12\n}\n");
  const ConfigNode node = ConfigNode::load(dir / "c.json").entries().at(0).second;
  EXPECT_EQ(node.as<int>(), 12);
  EXPECT_THAT(node.where(), testing::EndsWith("c.json:3"));
  write_text_file(dir / "c.yaml", "// : comment\n");
  EXPECT_EQ(ConfigNode::load(dir / "c.yaml").entries().at(0).first, "//");
}

TEST(ConfigNode, load_names_a_missing_file) {
  EXPECT_THAT(message_of<FileError>([] { ConfigNode::load("/none/a.yaml"); }),
              HasSubstr("/none/a.yaml: cannot open (No such file or directory)"));
}

}  // namespace
}  // namespace isoflop
