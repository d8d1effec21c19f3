// SPDX-License-Identifier: MIT
// Whole-model gradients against central differences in f64: what is left to the transformer after
// every op was proved alone is that they are wired right.
#include "trainer/model/model_under_test.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace isoflop {
namespace {

using test::ModelCase;
using test::ModelUnderTest;

struct NamedPlan {
  const char* name;
  RecomputePlan plan;
};

constexpr BlockParts kNorms = {BlockPart::norms};
constexpr BlockParts kActivations = {BlockPart::activations};
constexpr BlockParts kAttention = {BlockPart::attention};
constexpr BlockParts kFull(Recompute::full);

/// Every part, every pair of them, all, and ranges that differ.
std::vector<NamedPlan> recompute_plans() {
  return {
      {"norms", kNorms},
      {"activations", kActivations},
      {"attention", kAttention},
      {"norms_activations", kNorms | kActivations},
      {"norms_attention", kNorms | kAttention},
      {"activations_attention", kActivations | kAttention},
      {"selective", Recompute::selective},
      {"full", Recompute::full},
      {"full_of_block_0", RecomputePlan({{0, 0, kFull}})},
      {"full_then_norms", RecomputePlan({{0, 1, kFull}, {3, 3, kNorms}})},
      {"selective_then_full",
       RecomputePlan({{0, 0, BlockParts(Recompute::selective)}, {1, 2, kFull}})},
      {"full_among_parts",
       RecomputePlan({{0, 0, kAttention}, {1, 1, kFull}, {2, 3, kActivations}})},
  };
}

std::vector<ModelCase> cases_with(const std::vector<NamedPlan>& plans, int64_t n_layer) {
  std::vector<ModelCase> result;
  for (ModelShape shape : test::tiny_variants()) {
    shape.n_layer = n_layer;
    std::string name = shape.name;
    std::replace(name.begin(), name.end(), '-', '_');
    for (const NamedPlan& plan : plans)
      result.push_back({shape, plan.plan, name + "_" + plan.name});
  }
  return result;
}

std::vector<ModelCase> cases() {
  return cases_with({{"saved", Recompute::none},
                     {"recompute_selective", Recompute::selective},
                     {"recompute", Recompute::full}},
                    2);
}

class TransformerGradient : public testing::TestWithParam<ModelCase> {};

TEST_P(TransformerGradient, equals_central_differences_for_every_tensor) {
  ModelUnderTest model(GetParam());
  const double grad_scale = 0.25;
  model.backward(grad_scale);
  const std::vector<std::vector<double>> gradients = model.parameters().all_gradients();
  const double h =
      1e-5;  // truncation h^2 ~ 1e-10 and rounding 1e-16 / h ~ 1e-11 of a loss of about 30
  for (std::size_t unit = 0; unit < gradients.size(); ++unit) {
    for (const FlatSegment& segment : model.parameters().layout().units[unit].segments) {
      for (int64_t element = 0; element < segment.tensor.size();
           element += std::max<int64_t>(1, segment.tensor.size() / 7)) {
        const auto at = static_cast<std::size_t>(segment.offset + element);
        double& value = model.parameters().values()[unit][at];
        const double kept = value;
        value = kept + h;
        const double above = model.loss();
        value = kept - h;
        const double below = model.loss();
        value = kept;
        const double expected = grad_scale * (above - below) / (2 * h);
        EXPECT_NEAR(gradients[unit][at], expected, 1e-7 * std::max(1.0, std::fabs(expected)))
            << segment.tensor.name << "[" << element << "]";
      }
    }
  }
}

TEST_P(TransformerGradient, backward_reports_the_loss_of_the_evaluation) {
  ModelUnderTest model(GetParam());
  EXPECT_DOUBLE_EQ(model.backward(1.0), model.loss());
}

TEST_P(TransformerGradient, accumulates_over_micro_batches) {
  ModelUnderTest once(GetParam());
  ModelUnderTest twice(GetParam());
  once.backward(1.0);
  twice.backward(0.5);
  twice.backward(0.5);
  for (std::size_t unit = 0; unit < once.parameters().all_gradients().size(); ++unit) {
    for (std::size_t i = 0; i < once.parameters().all_gradients()[unit].size(); ++i) {
      EXPECT_NEAR(once.parameters().all_gradients()[unit][i],
                  twice.parameters().all_gradients()[unit][i], 1e-12);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, TransformerGradient, testing::ValuesIn(cases()),
                         testing::PrintToStringParamName());

class TransformerRecompute : public testing::TestWithParam<ModelCase> {};

// Two micro batches, so that what one leaves in shared memory meets the next.
TEST_P(TransformerRecompute, gradients_are_bit_for_bit_those_of_saved_activations) {
  ModelUnderTest again(GetParam());
  ModelUnderTest saved({GetParam().shape, Recompute::none, ""});
  for (const int64_t sample : {5, 11}) {
    again.set_first_sample(sample);
    saved.set_first_sample(sample);
    EXPECT_EQ(again.backward(0.25), saved.backward(0.25));
  }
  EXPECT_EQ(again.parameters().all_gradients(), saved.parameters().all_gradients());
}

INSTANTIATE_TEST_SUITE_P(Plans, TransformerRecompute,
                         testing::ValuesIn(cases_with(recompute_plans(), 4)),
                         testing::PrintToStringParamName());

ModelShape dropping() {
  ModelShape shape = test::tiny_gpt2();
  shape.dropout = 0.25;
  return shape;
}

/// Rotary positions are relative, so that a document gives the same wherever it stands.
TEST(TransformerDocuments, behind_another_document_is_as_alone) {
  for (const RecomputePlan& recompute :
       {RecomputePlan(Recompute::none), RecomputePlan(Recompute::full)}) {
    ModelUnderTest packed({test::tiny_llama(), recompute, ""});
    ModelUnderTest alone({test::tiny_llama(), recompute, ""});
    packed.inputs() = {9, 0, 1, 2, 3, 9, 8, 0, 1, 2};  // the document 1 2 3 4 ... behind others
    packed.targets() = {-1, -1, 2, 3, 4, -1, -1, -1, 2, 3};
    packed.set_first_keys({0, 0, 2, 2, 2, 0, 0, 0, 3, 3});
    alone.inputs() = {1, 2, 3, 7, 7, 1, 2, 7, 7, 7};
    alone.targets() = {2, 3, 4, -1, -1, 2, 3, -1, -1, -1};
    EXPECT_NEAR(packed.backward(1), alone.backward(1), 1e-12);
    for (std::size_t unit = 1; unit + 1 < packed.parameters().all_gradients().size(); ++unit)
      for (std::size_t i = 0; i < packed.parameters().all_gradients()[unit].size(); ++i)
        EXPECT_NEAR(packed.parameters().all_gradients()[unit][i],
                    alone.parameters().all_gradients()[unit][i], 1e-12);
    packed.set_first_keys({});
    EXPECT_GT(std::abs(packed.loss() - alone.loss()), 1e-3);
  }
}

TEST(TransformerDropout, counts_from_the_number_of_the_sample) {
  ModelUnderTest model({dropping(), Recompute::none, ""});
  const double loss = model.loss();
  EXPECT_EQ(model.loss(), loss);
  model.set_first_sample(6);
  EXPECT_NE(model.loss(), loss);
}

TEST(TransformerDropout, is_off_in_evaluation) {
  ModelUnderTest dropped({dropping(), Recompute::none, ""});
  ModelUnderTest kept({test::tiny_gpt2(), Recompute::none, ""});
  dropped.leave_samples_unnumbered();
  EXPECT_EQ(dropped.loss(), kept.loss());
}

}  // namespace
}  // namespace isoflop
