// SPDX-License-Identifier: MIT
#include "planner/published_models.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

ModelShape shape(int64_t n_layer, int64_t d_model, int64_t d_ff) {
  ModelShape result;
  result.n_layer = n_layer;
  result.d_model = d_model;
  result.d_ff = d_ff;
  return result;
}

TEST(PublishedModels, llama_7b_resembles_itself) {
  const auto models = load_published_models();
  EXPECT_EQ(nearest_published_model(shape(32, 4096, 11008), models)->name, "LLaMA 7B");
  EXPECT_EQ(nearest_published_model(shape(30, 4096, 11008), models)->name, "LLaMA 7B");
  EXPECT_EQ(nearest_published_model(shape(32, 4096, 14336), models)->name, "Llama 3 8B");
}

TEST(PublishedModels, a_shape_unlike_all_resembles_none) {
  EXPECT_FALSE(nearest_published_model(shape(3, 4096, 11008), load_published_models()));
}

TEST(PublishedModels, each_has_a_source) {
  for (const PublishedModel& model : load_published_models()) EXPECT_FALSE(model.source.empty());
}

}  // namespace
}  // namespace isoflop
