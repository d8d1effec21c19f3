// SPDX-License-Identifier: MIT
// --set key=value: ConfigNode::with_override.
#include "core/base/config_node.hpp"
#include "core/base/error.hpp"
#include "support/error_matchers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

using test::message_of;
using testing::HasSubstr;

ConfigNode root() {
  return ConfigNode::parse("name: x\nmodel:\n  n_layer: 12\n  d_model: 768\nlist: [1, 2]\n",
                           "a.yaml");
}

ConfigNode child(const ConfigNode& node, const std::string& key) {
  return *MapReader(node).find_node(key);
}

TEST(ConfigOverride, replaces_a_value_and_says_where_it_is_from) {
  const ConfigNode changed = root().with_override("model.n_layer", "24");
  const ConfigNode n_layer = child(child(changed, "model"), "n_layer");
  EXPECT_EQ(n_layer.as<int>(), 24);
  EXPECT_EQ(n_layer.where(), "--set model.n_layer");
  EXPECT_EQ(child(child(changed, "model"), "d_model").where(), "a.yaml:4");
}

TEST(ConfigOverride, leaves_the_original_as_it_was) {
  const ConfigNode original = root();
  original.with_override("model.n_layer", "24");
  EXPECT_EQ(child(child(original, "model"), "n_layer").as<int>(), 12);
}

TEST(ConfigOverride, adds_keys_and_sections) {
  const ConfigNode changed = root().with_override("model.d_ff", "3072").with_override("a.b.c", "x");
  EXPECT_EQ(child(child(changed, "model"), "d_ff").as<int>(), 3072);
  EXPECT_EQ(child(child(child(changed, "a"), "b"), "c").as<std::string>(), "x");
}

TEST(ConfigOverride, fills_an_empty_document) {
  const ConfigNode changed = ConfigNode::parse("", "a.yaml").with_override("a.b", "1");
  EXPECT_EQ(child(child(changed, "a"), "b").as<int>(), 1);
}

TEST(ConfigOverride, the_last_of_several_wins) {
  const ConfigNode changed = root().with_override("name", "y").with_override("name", "z");
  EXPECT_EQ(child(changed, "name").as<std::string>(), "z");
}

TEST(ConfigOverride, values_are_yaml) {
  const ConfigNode list = child(root().with_override("list", "[3, 4, 5]"), "list");
  EXPECT_EQ(list.items().size(), 3u);
  EXPECT_EQ(list.items()[1].where(), "--set list");
  EXPECT_FALSE(
      MapReader(root().with_override("name", "null")).find<std::string>("name").has_value());
}

TEST(ConfigOverride, a_value_set_twice_names_the_last_option) {
  const ConfigNode twice =
      root().with_override("model", "{n_layer: 1}").with_override("model.n_layer", "2");
  EXPECT_EQ(child(child(twice, "model"), "n_layer").where(), "--set model.n_layer");
  EXPECT_EQ(child(twice, "model").where(), "--set model");
}

TEST(ConfigOverride, empty_keys_are_refused) {
  for (const char* path : {"", ".a", "a.", "a..b"})
    EXPECT_THAT(message_of<ConfigError>([&] { root().with_override(path, "1"); }),
                HasSubstr("(empty key)"))
        << path;
}

TEST(ConfigOverride, a_path_through_a_value_is_refused) {
  EXPECT_THAT(message_of<ConfigError>([] { root().with_override("name.x", "1"); }),
              HasSubstr("--set name.x: 'name' holds no keys (it is a plain value or a list)"));
  EXPECT_THAT(message_of<ConfigError>([] { root().with_override("model.n_layer.x.y", "1"); }),
              HasSubstr("--set model.n_layer.x.y: 'model.n_layer' holds no keys"));
  EXPECT_THAT(message_of<ConfigError>([] { root().with_override("list.0", "1"); }),
              HasSubstr("--set list.0: 'list' holds no keys"));
}

TEST(ConfigOverride, a_value_that_does_not_parse_names_the_option) {
  EXPECT_THAT(message_of<ConfigError>([] { root().with_override("name", "[1"); }),
              HasSubstr("--set name"));
}

}  // namespace
}  // namespace isoflop
