// SPDX-License-Identifier: MIT
#include "core/base/config_json.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

std::string json_of(const std::string& yaml) {
  JsonWriter json;
  json.begin_object(JsonLines::one);
  write_json(json.key("value"), ConfigNode::parse("x: " + yaml, "test.yaml").entries()[0].second);
  const std::string text = json.end_object().text();
  return text.substr(10, text.size() - 12);  // {"value": ...}\n
}

TEST(ConfigJson, maps_and_lists_keep_their_order) {
  EXPECT_EQ(json_of("{b: [1, {c: 2}], a: {}}"), R"({"b": [1, {"c": 2}], "a": {}})");
}

TEST(ConfigJson, numbers_truth_values_and_null_are_theirs) {
  EXPECT_EQ(json_of("[7, -3, 0.1, 3e-4, true, false, null]"),
            "[7, -3, 0.1, 0.0003, true, false, null]");
}

TEST(ConfigJson, other_words_are_text) {
  EXPECT_EQ(json_of("[bytes, 12:30, 1_000, inf, yes]"),
            R"(["bytes", "12:30", "1_000", "inf", "yes"])");
}

TEST(ConfigJson, what_is_quoted_is_text) {
  EXPECT_EQ(json_of(R"(["7", 'true', "null", ""])"), R"(["7", "true", "null", ""])");
}

}  // namespace
}  // namespace isoflop
