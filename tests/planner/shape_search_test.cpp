// SPDX-License-Identifier: MIT
#include "planner/shape_search.hpp"

#include "core/model/param_count.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace isoflop {
namespace {

ShapeRequest gpu_request(double min_params, double max_params) {
  return {.device = DeviceClass::gpu,
          .vocab_size = 32000,
          .seq_len = 2048,
          .min_params = min_params,
          .max_params = max_params};
}

TEST(ShapeSearch, finds_llama_7b) {
  const std::vector<ModelShape> shapes = candidate_shapes(gpu_request(6.7e9, 6.8e9));
  EXPECT_TRUE(std::any_of(shapes.begin(), shapes.end(), [](const ModelShape& shape) {
    return count_params(shape).total() == 6738415616;  // LLaMA 7B, arXiv:2302.13971, table 2
  }));
}

TEST(ShapeSearch, keeps_to_the_range_and_to_published_proportions) {
  const std::vector<ModelShape> shapes = candidate_shapes(gpu_request(1e8, 1e11));
  ASSERT_GT(shapes.size(), 100U);
  for (const ModelShape& shape : shapes) {
    EXPECT_GE(count_params(shape).total(), 1e8);
    EXPECT_LE(count_params(shape).total(), 1e11);
    EXPECT_EQ(shape.n_head * shape.d_head, shape.d_model);
    EXPECT_EQ(shape.d_ff % 256, 0);
    EXPECT_EQ(shape.vocab_size % 128, 0);
    if (shape.d_model < 512) continue;
    const auto aspect = static_cast<double>(shape.d_model) / static_cast<double>(shape.n_layer);
    EXPECT_LE(aspect, 128);
    EXPECT_GE(aspect, 64);
  }
}

TEST(ShapeSearch, neighbours_in_size_are_within_an_eighth) {
  std::vector<double> sizes;
  for (const ModelShape& shape : candidate_shapes(gpu_request(1e9, 5e10))) {
    sizes.push_back(static_cast<double>(count_params(shape).total()));
  }
  std::sort(sizes.begin(), sizes.end());
  for (std::size_t i = 1; i < sizes.size(); ++i) EXPECT_LT(sizes[i] / sizes[i - 1], 1.125);
}

TEST(ShapeSearch, cpu_models_start_small) {
  const std::vector<ModelShape> shapes = candidate_shapes({.device = DeviceClass::cpu,
                                                           .vocab_size = 257,
                                                           .seq_len = 256,
                                                           .min_params = 0,
                                                           .max_params = 1e6});
  ASSERT_FALSE(shapes.empty());
  EXPECT_EQ(shapes.front().d_model, 32);
  EXPECT_EQ(shapes.front().vocab_size, 272);
  for (const ModelShape& shape : shapes) EXPECT_NO_THROW(validate(shape, shape.name));
}

}  // namespace
}  // namespace isoflop
