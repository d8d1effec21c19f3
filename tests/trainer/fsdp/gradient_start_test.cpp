// SPDX-License-Identifier: MIT
#include "trainer/fsdp/gradient_start.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

FlatSegment segment(ParameterKind kind, int64_t size, int64_t offset) {
  return {{.name = "t", .shape = {size}, .kind = kind}, offset};
}

TEST(GradientStart, zeroes_all_of_a_unit_but_its_matrices) {
  FlatUnit unit;
  unit.size = 1024;
  unit.segments = {segment(ParameterKind::vector, 100, 0), segment(ParameterKind::matrix, 256, 128),
                   segment(ParameterKind::matrix, 100, 384),
                   segment(ParameterKind::embedding, 200, 512)};
  const std::vector<FlatRange> ranges = ranges_to_zero(unit);
  ASSERT_EQ(ranges.size(), 2U);
  EXPECT_EQ(ranges[0].begin, 0);  // the vector and padding behind it
  EXPECT_EQ(ranges[0].size, 128);
  EXPECT_EQ(ranges[1].begin, 484);  // padding between a matrix and the embedding, and that
  EXPECT_EQ(ranges[1].size, 540);
}

TEST(GradientStart, a_unit_of_one_matrix_has_nothing_to_zero) {
  FlatUnit unit;
  unit.size = 256;
  unit.segments = {segment(ParameterKind::matrix, 256, 0)};
  EXPECT_TRUE(ranges_to_zero(unit).empty());
}

}  // namespace
}  // namespace isoflop
