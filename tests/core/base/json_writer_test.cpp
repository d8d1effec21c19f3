// SPDX-License-Identifier: MIT
#include "core/base/json_writer.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace isoflop {
namespace {

TEST(JsonWriter, nests_objects_and_arrays_with_two_spaces) {
  JsonWriter json;
  json.begin_object().entry("a", 1).key("b").begin_array().value(2).value("x").end_array();
  json.key("c").begin_object().end_object().key("d").begin_array().end_array().end_object();
  EXPECT_EQ(json.text(),
            "{\n"
            "  \"a\": 1,\n"
            "  \"b\": [\n"
            "    2,\n"
            "    \"x\"\n"
            "  ],\n"
            "  \"c\": {},\n"
            "  \"d\": []\n"
            "}\n");
}

TEST(JsonWriter, absent_and_non_finite_values_are_null) {
  JsonWriter json;
  json.begin_array().value(std::optional<double>()).value(NAN).value(INFINITY).null().end_array();
  EXPECT_EQ(json.text(), "[\n  null,\n  null,\n  null,\n  null\n]\n");
}

TEST(JsonWriter, numbers_round_trip) {
  JsonWriter json;
  json.begin_array().value(0.1).value(1e300).value(int64_t{9007199254740993}).value(true);
  json.end_array();
  EXPECT_EQ(json.text(), "[\n  0.1,\n  1e+300,\n  9007199254740993,\n  true\n]\n");
}

TEST(JsonWriter, floats_are_as_short_as_a_float_needs) {
  JsonWriter json;
  json.begin_array().value(0.1F).value(NAN * 1.0F).value(std::optional(2.5F)).end_array();
  EXPECT_EQ(json.text(), "[\n  0.1,\n  null,\n  2.5\n]\n");
}

TEST(JsonWriter, what_is_on_one_line_holds_its_insides_too) {
  JsonWriter json;
  json.begin_array();
  for (int i = 1; i <= 2; ++i) {
    json.begin_object(JsonLines::one).entry("a", i).key("b").begin_array().value(1).value(2);
    json.end_array().key("c").begin_object().end_object().end_object();
  }
  json.end_array();
  EXPECT_EQ(json.text(),
            "[\n"
            "  {\"a\": 1, \"b\": [1, 2], \"c\": {}},\n"
            "  {\"a\": 2, \"b\": [1, 2], \"c\": {}}\n"
            "]\n");
}

TEST(JsonWriter, pieces_taken_on_the_way_are_the_document) {
  JsonWriter json;
  std::string pieces = json.begin_object().entry("a", 1).take();
  pieces += json.key("b").take();
  pieces += json.value(true).end_object().text();
  EXPECT_EQ(pieces, "{\n  \"a\": 1,\n  \"b\": true\n}\n");
}

TEST(JsonWriter, texts_are_escaped) {
  JsonWriter json;
  json.value("quote \" backslash \\ line\n \xC3\xA9 \xFF");
  EXPECT_EQ(json.text(), "\"quote \\\" backslash \\\\ line\\n \xC3\xA9 \xEF\xBF\xBD\"\n");
}

}  // namespace
}  // namespace isoflop
