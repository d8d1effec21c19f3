// SPDX-License-Identifier: MIT
#include "planner/estimate/repeats.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

TEST(Repeats, differ_from_each_other_by_their_mean_distance) {
  const std::vector<Repeat> runs{{"a", 1.0}, {"b", 7.0}, {"a", 2.0}, {"a", 4.0}};
  const std::vector<std::optional<double>> differences = differences_of_repeats(runs);
  EXPECT_FALSE(differences[1]);
  EXPECT_NEAR(differences[0].value(), (0.5 + 0.75) / 2, 1e-12);
  EXPECT_NEAR(differences[2].value(), (1.0 + 0.5) / 2, 1e-12);
  EXPECT_NEAR(differences[3].value(), (3.0 + 1.0) / 2, 1e-12);
}

TEST(Repeats, are_rows_of_equal_shape_layout_and_batch) {
  const CsvTable table = CsvTable::parse(
      "id,source,n_layer,gpu,n_gpu,tp\n1,x,32,H100,8,2\n2,y,32,H100,8,2\n3,y,32,H100,8,4\n",
      "runs.csv");
  EXPECT_EQ(layout_key(table, 0), layout_key(table, 1));
  EXPECT_NE(layout_key(table, 0), layout_key(table, 2));
}

}  // namespace
}  // namespace isoflop
