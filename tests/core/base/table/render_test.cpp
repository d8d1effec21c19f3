// SPDX-License-Identifier: MIT
#include "core/base/table/render.hpp"

#include <gmock/gmock.h>

namespace isoflop {
namespace {

using ::testing::HasSubstr;

Table sample_table() {
  Table table{"t", "A table"};
  table.notes = {"a note"};
  table.columns = {{"name", "name"},
                   {"n_params", "N", "", CellStyle::count},
                   {"mfu_percent", "MFU", "%", CellStyle::fixed, 1},
                   {"wall_s", "wall", "", CellStyle::duration}};
  table.rows = {{std::string("a,\"b\"|"), int64_t{124'439'808}, 41.26, 75.0},
                {std::string("caf\xC3\xA9"), int64_t{7}, {}, {}}};
  return table;
}

TEST(Render, integers_may_be_grouped_counted_or_bytes) {
  const int64_t number = 3'221'225'472;
  EXPECT_EQ(format_cell({"k", "k", "", CellStyle::integer}, number), "3221225472");
  EXPECT_EQ(format_cell({"k", "k", "", CellStyle::grouped}, number), "3,221,225,472");
  EXPECT_EQ(format_cell({"k", "k", "", CellStyle::count}, number), "3.22 B");
  EXPECT_EQ(format_cell({"k", "k", "", CellStyle::bytes}, number), "3.00 GiB");
}

TEST(Render, scientific_numbers_have_three_digits) {
  EXPECT_EQ(format_cell({"c", "C", "FLOPs", CellStyle::scientific}, 3.14e23), "3.14e23");
}

// Columns of 60, 50 and 30 characters beside a key of 1: the third would end at 147 of 140.
TEST(Render, parts_of_a_wide_table_begin_with_its_key_columns) {
  Table table{"t", "Wide"};
  table.columns = {{"key", "k"}, {"a", "a"}, {"b", "b"}, {"c", "c"}};
  table.rows = {
      {std::string("r"), std::string(60, 'a'), std::string(50, 'b'), std::string(30, 'c')}};
  EXPECT_THAT(render_text(std::span(&table, 1)), ::testing::Not(HasSubstr("\n\n")));
  table.n_key_column = 1;
  EXPECT_THAT(render_text(std::span(&table, 1)),
              HasSubstr("b\n\nk  c\nr  " + std::string(30, 'c') + "\n"));
}

TEST(Render, text_aligns_numbers_to_the_right_and_shows_unknowns_as_dashes) {
  const Table table = sample_table();
  EXPECT_EQ(render_text(std::span(&table, 1)),
            "A table\n"
            "  a note\n"
            "name        N  MFU [%]        wall\n"
            "a,\"b\"|  124 M     41.3  1 min 15 s\n"
            "caf\xC3\xA9        7        -           -\n");
}

TEST(Render, markdown_escapes_pipes) {
  const Table table = sample_table();
  EXPECT_EQ(render_markdown(std::span(&table, 1)),
            "## A table\n\n- a note\n\n"
            "| name | N | MFU [%] | wall |\n"
            "|---|---:|---:|---:|\n"
            "| a,\"b\"\\| | 124 M | 41.3 | 1 min 15 s |\n"
            "| caf\xC3\xA9 | 7 | - | - |\n");
}

TEST(Render, csv_of_one_table_is_plain_with_numbers_in_full_and_unknowns_empty) {
  const Table table = sample_table();
  EXPECT_EQ(render_csv(std::span(&table, 1)),
            "name,n_params,mfu_percent,wall_s\n"
            "\"a,\"\"b\"\"|\",124439808,41.26,75\n"
            "caf\xC3\xA9,7,,\n");
}

TEST(Render, csv_of_several_tables_has_comment_lines) {
  const std::vector<Table> tables{sample_table(), sample_table()};
  EXPECT_THAT(render_csv(tables), HasSubstr("\n\n# t: A table\n# a note\nname,n_params"));
}

TEST(Render, json_has_full_numbers_and_nulls) {
  const Table table = sample_table();
  const std::vector<std::string> problems{"x.h5: is empty"};
  const std::string json = render_json(std::span(&table, 1), problems);
  EXPECT_THAT(json, HasSubstr("\"n_params\": 124439808,"));
  EXPECT_THAT(json, HasSubstr("\"mfu_percent\": 41.26,"));
  EXPECT_THAT(json, HasSubstr("\"mfu_percent\": null,"));
  EXPECT_THAT(json, HasSubstr("\"x.h5: is empty\""));
}

TEST(Render, no_tables_give_an_empty_text_and_a_whole_json_document) {
  EXPECT_EQ(render_text({}), "");
  EXPECT_EQ(render_json({}, {}), "{\n  \"tables\": [],\n  \"problems\": []\n}\n");
}

}  // namespace
}  // namespace isoflop
