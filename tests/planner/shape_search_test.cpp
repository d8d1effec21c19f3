// SPDX-License-Identifier: MIT
#include "planner/shape_search.hpp"

#include "core/model/param_count.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

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

/// The largest distance of any N in the range from the nearest shape's, as a fraction of N.
double worst_distance(DeviceClass device, int64_t vocab_size, double low, double high) {
  std::vector<double> sizes;
  for (const ModelShape& shape : candidate_shapes(
           {.device = device, .vocab_size = vocab_size, .seq_len = 2048, .max_params = 1e14}))
    sizes.push_back(static_cast<double>(count_params(shape).total()));
  double worst = 0;
  for (double wanted = low; wanted < high; wanted *= 1.01) {
    double nearest = 1;
    for (const double size : sizes) nearest = std::min(nearest, std::abs(size / wanted - 1));
    worst = std::max(worst, nearest);
  }
  return worst;
}

TEST(ShapeSearch, every_size_has_a_shape_within_5_per_cent) {
  EXPECT_LE(worst_distance(DeviceClass::gpu, 50257, 30e6, 1e12), 0.05);
  EXPECT_LE(worst_distance(DeviceClass::gpu, 128256, 75e6, 1e12), 0.05);
  EXPECT_LE(worst_distance(DeviceClass::cpu, 257, 5e5, 1e10), 0.05);
}

TEST(ShapeSearch, has_grouped_queries_like_llama_3) {
  ShapeRequest request = gpu_request(0, 1e14);
  request.vocab_size = 128256;
  const ModelShape llama3 = make_shape(request, 4096, 32, kLlama3Block);
  EXPECT_EQ(count_params(llama3).total(), 8030261248);  // Llama 3 8B, arXiv:2407.21783
  EXPECT_EQ(llama3.n_kv_head, 8);
  const std::vector<ModelShape> shapes = candidate_shapes(request);
  EXPECT_TRUE(std::find(shapes.begin(), shapes.end(), llama3) != shapes.end());
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
