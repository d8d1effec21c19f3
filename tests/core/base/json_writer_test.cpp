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

TEST(JsonWriter, texts_are_escaped) {
  JsonWriter json;
  json.value("quote \" backslash \\ line\n \xC3\xA9 \xFF");
  EXPECT_EQ(json.text(), "\"quote \\\" backslash \\\\ line\\n \xC3\xA9 \xEF\xBF\xBD\"\n");
}

}  // namespace
}  // namespace isoflop
