// SPDX-License-Identifier: MIT
// Whole-model gradients against central differences in f64: what is left to the transformer after
// every op was proved alone is that they are wired right.
#include "trainer/model/transformer.hpp"

#include "support/full_parameters.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <ostream>
#include <random>
#include <string>
#include <vector>

namespace isoflop {
namespace {

constexpr int64_t kBatch = 2;
constexpr int64_t kSeqLen = 5;

ModelShape tiny_llama() {
  ModelShape shape;
  shape.name = "tiny-llama";
  shape.n_layer = 2;
  shape.d_model = 8;
  shape.n_head = 2;
  shape.n_kv_head = 1;
  shape.d_head = 4;
  shape.d_ff = 12;
  shape.vocab_size = 11;
  shape.max_seq_len = kSeqLen;
  return shape;
}

ModelShape tiny_gpt2() {
  ModelShape shape = tiny_llama();
  shape.name = "tiny-gpt2";
  shape.n_kv_head = 2;
  shape.norm = NormKind::layernorm;
  shape.ffn = FfnType::standard;
  shape.activation = Activation::gelu_tanh;
  shape.position = PositionEncoding::learned_absolute;
  shape.qkv_bias = shape.attention_out_bias = shape.ffn_bias = true;
  shape.tied_embeddings = true;
  return shape;
}

/// One model for every option that a configuration can choose, each beside other choices.
std::vector<ModelShape> tiny_variants() {
  std::vector<ModelShape> shapes = {tiny_llama(), tiny_gpt2()};
  const auto add = [&](const char* name, const ModelShape& base, const auto& edit) {
    shapes.push_back(base);
    shapes.back().name = name;
    edit(shapes.back());
  };
  add("gpt2_postnorm", tiny_gpt2(), [](ModelShape& shape) {
    shape.norm = NormKind::layernorm_nobias;
    shape.norm_position = NormPosition::post;
    shape.qkv_bias = shape.attention_out_bias = shape.ffn_bias = false;
  });
  add("llama_postnorm_untied", tiny_llama(),
      [](ModelShape& shape) { shape.norm_position = NormPosition::post; });
  add("hybrid", tiny_gpt2(), [](ModelShape& shape) {
    shape.position = PositionEncoding::rope;
    shape.rope_theta = 100;
  });
  add("no_positions_geglu_erf", tiny_llama(), [](ModelShape& shape) {
    shape.position = PositionEncoding::none;
    shape.activation = Activation::gelu_erf;
    shape.ffn_bias = true;
  });
  add("relu_nobias_norm", tiny_gpt2(), [](ModelShape& shape) {
    shape.norm = NormKind::layernorm_nobias;
    shape.activation = Activation::relu;
  });
  add("leaky_relu_qkv_bias", tiny_llama(), [](ModelShape& shape) {
    shape.ffn = FfnType::standard;
    shape.activation = Activation::leaky_relu;
    shape.qkv_bias = true;
  });
  add("qk_norm", tiny_llama(), [](ModelShape& shape) { shape.qk_norm = true; });
  add("qk_norm_with_bias_postnorm", tiny_gpt2(), [](ModelShape& shape) {
    shape.qk_norm = true;
    shape.norm_position = NormPosition::post;
  });
  add("z_loss", tiny_llama(), [](ModelShape& shape) { shape.z_loss = 0.01; });
  add("manual_attention", tiny_llama(),
      [](ModelShape& shape) { shape.attention_backend = AttentionBackend::manual; });
  add("dropout", tiny_gpt2(), [](ModelShape& shape) { shape.dropout = 0.25; });
  add("dropout_postnorm_manual", tiny_llama(), [](ModelShape& shape) {
    shape.dropout = 0.25;
    shape.norm_position = NormPosition::post;
    shape.attention_backend = AttentionBackend::manual;
  });
  return shapes;
}

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

struct Case {
  ModelShape shape;
  RecomputePlan recompute;
  std::string name;
};

std::vector<Case> cases_with(const std::vector<NamedPlan>& plans, int64_t n_layer) {
  std::vector<Case> result;
  for (ModelShape shape : tiny_variants()) {
    shape.n_layer = n_layer;
    std::string name = shape.name;
    std::replace(name.begin(), name.end(), '-', '_');
    for (const NamedPlan& plan : plans)
      result.push_back({shape, plan.plan, name + "_" + plan.name});
  }
  return result;
}

std::vector<Case> cases() {
  return cases_with({{"saved", Recompute::none},
                     {"recompute_selective", Recompute::selective},
                     {"recompute", Recompute::full}},
                    2);
}

void PrintTo(const Case& tested, std::ostream* out) { *out << tested.name; }

/// A model on the reference backend with random parameters and one random batch, some targets left
/// out.
class ModelUnderTest {
 public:
  explicit ModelUnderTest(const Case& test_case)
      : shape_(test_case.shape),
        layout_(make_flat_layout(shape_, 1)),
        parameters_(layout_),
        backend_(make_reference_backend({})),
        step_{kBatch, kSeqLen, test_case.recompute, /*dropout_seed=*/99},
        workspace_(*backend_.device, workspace_bytes(shape_, step_, backend_),
                   MemoryCategory::workspace),
        model_(shape_, step_, backend_, parameters_, workspace_) {
    std::mt19937 random(7);
    std::normal_distribution<double> normal(0.0, 0.5);
    for (std::vector<double>& unit : parameters_.values()) {
      for (double& value : unit) value = normal(random);
    }
    for (int32_t& token : inputs_)
      token = static_cast<int32_t>(random() % static_cast<uint32_t>(shape_.vocab_size));
    for (int32_t& token : targets_)
      token = static_cast<int32_t>(random() % static_cast<uint32_t>(shape_.vocab_size));
    targets_[3] = -1;
  }

  /// What is minimised: loss and z-loss.
  double loss() {
    double sums[2] = {};
    model_.forward(batch());
    model_.loss(batch(), {sums, DType::f64, {2}});
    finish();
    return sums[0] + sums[1];
  }
  double backward(double grad_scale) {
    double sums[2] = {};
    model_.forward(batch());
    model_.backward(batch(), {sums, DType::f64, {2}}, grad_scale);
    finish();
    return sums[0] + sums[1];
  }
  void set_first_sample(int64_t number) { first_sample_ = number; }
  /// As in evaluation: nothing is dropped.
  void leave_samples_unnumbered() { numbered_ = false; }
  test::FullParameters& parameters() { return parameters_; }

 private:
  Batch batch() {
    return {{inputs_.data(), DType::i32, {kBatch, kSeqLen}},
            {targets_.data(), DType::i32, {kBatch * kSeqLen}},
            numbered_ ? TensorView(&first_sample_, DType::i64, {1}) : TensorView()};
  }
  void finish() {
    backend_.device->synchronize(backend_.device->record(backend_.device->compute_stream()));
  }

  ModelShape shape_;
  FlatLayout layout_;
  test::FullParameters parameters_;
  Backend backend_;
  StepShape step_;
  Arena workspace_;
  Transformer model_;
  int64_t first_sample_ = 5;
  bool numbered_ = true;
  std::vector<int32_t> inputs_ = std::vector<int32_t>(kBatch * kSeqLen);
  std::vector<int32_t> targets_ = std::vector<int32_t>(kBatch * kSeqLen);
};

class TransformerGradient : public testing::TestWithParam<Case> {};

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

class TransformerRecompute : public testing::TestWithParam<Case> {};

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
  ModelShape shape = tiny_gpt2();
  shape.dropout = 0.25;
  return shape;
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
  ModelUnderTest kept({tiny_gpt2(), Recompute::none, ""});
  dropped.leave_samples_unnumbered();
  EXPECT_EQ(dropped.loss(), kept.loss());
}

}  // namespace
}  // namespace isoflop
