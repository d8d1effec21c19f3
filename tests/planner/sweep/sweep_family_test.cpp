// SPDX-License-Identifier: MIT
#include "planner/sweep/sweep_family.hpp"

#include "core/model/model_config.hpp"
#include "core/model/param_count.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace isoflop {
namespace {

ShapeRequest bytes_on_cpus() {
  return {.device = DeviceClass::cpu,
          .vocab_size = 257,
          .seq_len = 64,
          .min_params = 0,
          .max_params = 1e9};
}

TEST(SweepFamily, keeps_components_and_proportions) {
  const ModelShape quick = load_model(ISOFLOP_SOURCE_DIR "/configs/models/quick.yaml");
  for (const ModelShape& shape : family_shapes(bytes_on_cpus(), quick)) {
    EXPECT_EQ(shape.norm, quick.norm);
    EXPECT_EQ(shape.n_kv_head, shape.n_head % 2 == 0 ? shape.n_head / 2 : shape.n_head);
    EXPECT_NEAR(static_cast<double>(shape.d_ff) / static_cast<double>(shape.d_model), 3, 1.01);
    EXPECT_FALSE(find_problem(shape).has_value());
  }
}

TEST(SweepFamily, has_a_small_byte_model_within_a_quarter_of_any_size) {
  const auto shapes = family_shapes(bytes_on_cpus(), std::nullopt);
  for (double n_params = 60e3; n_params < 10e6; n_params *= 1.1)
    EXPECT_NE(nearest_shape(shapes, n_params, 1.25), nullptr) << n_params;
}

TEST(SweepFamily, has_nothing_nearer_than_there_is) {
  EXPECT_EQ(nearest_shape(family_shapes(bytes_on_cpus(), std::nullopt), 1e3, 1.5), nullptr);
}

TEST(SweepFamily, prefers_usual_proportions_among_equal_sizes) {
  const ShapeRequest request = {.vocab_size = 50257, .seq_len = 2048, .max_params = 1e12};
  const auto shapes = family_shapes(request, std::nullopt);
  for (double n_params = 3e8; n_params < 1e11; n_params *= 1.7) {
    const ModelShape* const shape = nearest_shape(shapes, n_params, 1.2);
    ASSERT_NE(shape, nullptr);
    const double found = static_cast<double>(count_params(*shape).total());
    EXPECT_NEAR(found / n_params, 1, 0.06);
    EXPECT_NEAR(
        std::log2(static_cast<double>(shape->d_model) / static_cast<double>(shape->n_layer) / 90.5),
        0, 0.35);
  }
}

}  // namespace
}  // namespace isoflop
