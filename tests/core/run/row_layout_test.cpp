// SPDX-License-Identifier: MIT
#include "core/run/row_layout.hpp"

#include "core/run/run_schema.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace isoflop::run_schema {
namespace {

float cell_as_float(const std::vector<std::byte>& row, const RowLayout& layout,
                    const std::string& name) {
  float value = 0;
  for (const ColumnLayout& column : layout.columns) {
    if (column.name == name) std::memcpy(&value, row.data() + column.offset, sizeof value);
  }
  return value;
}

// 3 columns of 8 bytes, 19 f4 and one u4.
TEST(RowLayout, train_row_has_104_bytes) {
  EXPECT_EQ(row_layout(columns_of<StepRecord>()).row_size, 3U * 8U + 19U * 4U + 4U);
}

TEST(RowLayout, absent_value_is_stored_as_nan_and_read_as_absent) {
  StepRecord record;
  record.lr = 0.5F;
  std::vector<std::byte> row;
  pack_row(columns_of<StepRecord>(), record, row);
  const RowLayout layout = row_layout(columns_of<StepRecord>());
  EXPECT_TRUE(std::isnan(cell_as_float(row, layout, "loss")));
  EXPECT_EQ(cell_as_float(row, layout, "lr"), 0.5F);
  const StepRecord read = unpack_row(columns_of<StepRecord>(), std::span<const std::byte>(row));
  EXPECT_EQ(read.loss, std::nullopt);
  EXPECT_EQ(read.lr, 0.5F);
}

TEST(RowLayout, long_text_is_cut_before_the_terminator) {
  RunEvent event;
  event.text = std::string(200, 'x');
  std::vector<std::byte> row;
  pack_row(columns_of<RunEvent>(), event, row);
  const auto read = unpack_row(columns_of<RunEvent>(), std::span<const std::byte>(row));
  EXPECT_EQ(read.text, std::string(159, 'x'));
}

TEST(RowLayout, cut_text_never_ends_inside_a_character) {
  RunEvent event;
  event.text = std::string(158, 'x') + "\xC3\xA9";  // the letter e with acute takes bytes 158, 159
  std::vector<std::byte> row;
  pack_row(columns_of<RunEvent>(), event, row);
  const auto read = unpack_row(columns_of<RunEvent>(), std::span<const std::byte>(row));
  EXPECT_EQ(read.text, std::string(158, 'x'));
}

}  // namespace
}  // namespace isoflop::run_schema
