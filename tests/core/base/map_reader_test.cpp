// SPDX-License-Identifier: MIT
// MapReader, which lives in config_node.hpp.
#include "core/base/config_node.hpp"
#include "core/base/error.hpp"
#include "support/error_matchers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

using test::message_of;
using testing::HasSubstr;

MapReader reader(const std::string& text) { return MapReader(ConfigNode::parse(text, "a.yaml")); }

TEST(MapReader, reads_required_and_optional_keys) {
  MapReader map = reader("nodes: 4\nprice: null\n");
  EXPECT_EQ(map.required<int>("nodes"), 4);
  EXPECT_FALSE(map.find<double>("price").has_value());
  EXPECT_EQ(map.value_or<int>("gpus", 8), 8);
  EXPECT_NO_THROW(map.finish());
}

TEST(MapReader, a_missing_key_is_named_with_what_stands_there_instead) {
  MapReader map = reader("# head\nnodse: 4\n");
  EXPECT_THAT(message_of<ConfigError>([&] { map.required<int>("nodes"); }),
              HasSubstr("a.yaml:2: key 'nodes' is missing (is 'nodse' meant?); correct or add it"));
}

TEST(MapReader, a_required_key_without_a_value_is_not_called_missing) {
  MapReader map = reader("a: 1\nnodes:\n");
  EXPECT_THAT(message_of<ConfigError>([&] { map.required<int>("nodes"); }),
              HasSubstr("a.yaml:2: key 'nodes' has no value; give it one"));
}

TEST(MapReader, a_missing_key_names_its_section) {
  const ConfigNode root = ConfigNode::parse("model:\n  n_layer: 1\n", "a.yaml");
  MapReader map(root.entries().at(0).second);
  EXPECT_THAT(message_of<ConfigError>([&] { map.required<int>("d_model"); }),
              HasSubstr("key 'd_model' is missing in 'model'"));
}

TEST(MapReader, an_unknown_key_is_an_error_with_line_and_nearest_known) {
  MapReader map = reader("nodes: 4\ngpus_per_nod: 8\n");
  map.required<int>("nodes");
  map.find<int>("gpus_per_node");
  EXPECT_THAT(message_of<ConfigError>([&] { map.finish(); }),
              HasSubstr("a.yaml:2: unknown key 'gpus_per_nod' (did you mean 'gpus_per_node'?); "
                        "remove it or correct its spelling"));
}

TEST(MapReader, an_unknown_section_that_set_made_names_the_option) {
  MapReader map(
      ConfigNode::parse("optimizer: {lr: 1}\n", "a.yaml").with_override("optimiser.lr", "2"));
  map.find_node("optimizer");
  EXPECT_THAT(message_of<ConfigError>([&] { map.finish(); }),
              HasSubstr("--set optimiser.lr: unknown key 'optimiser' (did you mean 'optimizer'?)"));
}

TEST(MapReader, ignored_keys_are_not_unknown) {
  MapReader map = reader("a: 1\nb: 2\n");
  map.ignore("a");
  EXPECT_THROW(map.finish(), ConfigError);
  map.ignore_rest();
  EXPECT_NO_THROW(map.finish());
}

TEST(MapReader, bounds_are_checked) {
  MapReader map = reader("n: 0\nx: -1.5\n");
  EXPECT_THAT(message_of<ConfigError>([&] { map.required_at_least("n", 1); }),
              HasSubstr("a.yaml:1: n is '0' (must be at least 1)"));
  EXPECT_EQ(map.required_at_least("n", 0), 0);
  EXPECT_THAT(message_of<ConfigError>([&] { map.required_positive("x"); }),
              HasSubstr("x is '-1.5' (must be above zero)"));
  EXPECT_THROW(map.find_positive("n"), ConfigError);
  EXPECT_FALSE(map.find_positive("none").has_value());
}

TEST(MapReader, needs_a_map) {
  EXPECT_THAT(message_of<ConfigError>([] { reader("text\n"); }),
              HasSubstr("the document is 'text' (must be a map of keys and values)"));
  EXPECT_THAT(message_of<ConfigError>([] { reader(""); }), HasSubstr("'null'"));
}

}  // namespace
}  // namespace isoflop
