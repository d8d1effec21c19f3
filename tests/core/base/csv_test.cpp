// SPDX-License-Identifier: MIT
#include "core/base/csv.hpp"

#include "core/base/error.hpp"
#include "support/error_matchers.hpp"

namespace isoflop {
namespace {

using testing::HasSubstr;

TEST(Csv, reads_quoted_fields_and_knows_their_lines) {
  const CsvTable table = CsvTable::parse("a,b\r\n1,\"x, \"\"y\"\"\nz\"\n\n,2\n", "t.csv");
  ASSERT_EQ(table.n_row(), 2U);
  EXPECT_EQ(table.find(0, "b"), "x, \"y\"\nz");
  EXPECT_EQ(table.where(0), "t.csv:2");
  EXPECT_EQ(table.where(1), "t.csv:5");
  EXPECT_EQ(table.find(1, "a"), std::nullopt);
  EXPECT_EQ(table.find(1, "c"), std::nullopt);
}

TEST(Csv, refuses_what_is_no_table) {
  const auto message = [](const char* text) {
    return test::message_of<ConfigError>([&] { CsvTable::parse(text, "t.csv"); });
  };
  EXPECT_THAT(message(""), HasSubstr("is empty"));
  EXPECT_THAT(message("a,b\n1\n"), HasSubstr("t.csv:2: has 1 fields (the header has 2)"));
  EXPECT_THAT(message("a,b\n1,\"2\n"), HasSubstr("t.csv:2: a field's double quote"));
  EXPECT_THAT(message("a,a\n"), HasSubstr("'a' stands there twice"));
}

TEST(Csv, a_written_field_reads_back) {
  for (const std::string text : {"plain", "a,b", "say \"no\"", "two\nlines", ""}) {
    const CsvTable table = CsvTable::parse("x,y\n" + csv_field(text) + ",1\n", "t.csv");
    EXPECT_EQ(table.find(0, "x").value_or(""), text);
  }
}

}  // namespace
}  // namespace isoflop
