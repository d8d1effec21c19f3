// SPDX-License-Identifier: MIT
// Whole-model gradients against central differences in f64: what is left to the transformer after
// every op was proved alone is that they are wired right.
#include "trainer/model/transformer.hpp"

#include "support/full_parameters.hpp"

#include <gtest/gtest.h>

#include <cmath>
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

struct Case {
  ModelShape shape;
  Recompute recompute;
};

/// A model on the reference backend with random parameters and one random batch, some targets left
/// out.
class ModelUnderTest {
 public:
  explicit ModelUnderTest(const Case& test_case)
      : shape_(test_case.shape),
        layout_(make_flat_layout(shape_, 1)),
        parameters_(layout_),
        backend_(make_reference_backend({})),
        step_{kBatch, kSeqLen, test_case.recompute},
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

  double loss() {
    double sum = 0;
    model_.forward(batch());
    model_.loss(batch(), {&sum, DType::f64, {1}});
    finish();
    return sum;
  }
  double backward(double grad_scale) {
    double sum = 0;
    model_.forward(batch());
    model_.backward(batch(), {&sum, DType::f64, {1}}, grad_scale);
    finish();
    return sum;
  }
  test::FullParameters& parameters() { return parameters_; }

 private:
  Batch batch() {
    return {{inputs_.data(), DType::i32, {kBatch, kSeqLen}},
            {targets_.data(), DType::i32, {kBatch * kSeqLen}}};
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

INSTANTIATE_TEST_SUITE_P(
    Shapes, TransformerGradient,
    testing::Values(Case{tiny_llama(), Recompute::none}, Case{tiny_llama(), Recompute::full},
                    Case{tiny_gpt2(), Recompute::none}, Case{tiny_gpt2(), Recompute::full}),
    [](const testing::TestParamInfo<Case>& tested) {
      const std::string name =
          tested.param.shape.position == PositionEncoding::rope ? "llama" : "gpt2";
      return name + (tested.param.recompute == Recompute::full ? "_recompute" : "_saved");
    });

}  // namespace
}  // namespace isoflop
