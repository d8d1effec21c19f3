// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/matmul.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <vector>

namespace isoflop {
namespace {

using testing::ElementsAre;

TEST(MatmulCache, transposed_operands_are_read_in_place) {
  const std::vector<float> a = {1, 2, 3, 4}, b = {1, 10, 100, 1000};  // both 2 x 2
  std::vector<float> c(4);
  MatmulCache cache;
  cache.run({2, 2, 2, {2, 1}, {2, 1}}, c.data(), a.data(), b.data());
  EXPECT_THAT(c, ElementsAre(201, 2010, 403, 4030));
  cache.run({2, 2, 2, {1, 2}, {2, 1}}, c.data(), a.data(), b.data());
  EXPECT_THAT(c, ElementsAre(301, 3010, 402, 4020));
  cache.run({2, 2, 2, {2, 1}, {1, 2}}, c.data(), a.data(), b.data());
  EXPECT_THAT(c, ElementsAre(21, 2100, 43, 4300));
}

TEST(MatmulCache, a_kept_plan_takes_new_addresses) {
  const std::vector<float> a = {2}, b = {3}, bias = {100};
  std::vector<float> first = {7}, second = {9};
  MatmulCache cache;
  const CpuMatmulShape with_bias{
      .M = 1, .N = 1, .K = 1, .a = {1, 1}, .b = {1, 1}, .has_bias = true};
  cache.run(with_bias, first.data(), a.data(), b.data(), bias.data());
  cache.run(with_bias, second.data(), b.data(), b.data(), a.data());
  EXPECT_EQ(first[0], 106);
  EXPECT_EQ(second[0], 11);
  const CpuMatmulShape adding{
      .M = 1, .N = 1, .K = 1, .a = {1, 1}, .b = {1, 1}, .accumulate = Accumulate::yes};
  cache.run(adding, first.data(), a.data(), b.data());
  EXPECT_EQ(first[0], 112);
}

TEST(MatmulCache, a_refused_shape_is_named) {
  MatmulCache cache;
  float value = 0;
  try {
    cache.run({-3, 2, 5, {5, 1}, {2, 1}}, &value, &value, &value);
    FAIL() << "must throw";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("(-3 x 5) (5 x 2)"));
  }
}

}  // namespace
}  // namespace isoflop
