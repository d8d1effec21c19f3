// SPDX-License-Identifier: MIT
// Whole models in the CPU's precisions against f64: loss and gradients of one batch.
#include "trainer/comm/self_collectives.hpp"
#include "trainer/fsdp/parameter_engine.hpp"
#include "trainer/fsdp/parameter_init.hpp"
#include "trainer/model/transformer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace isoflop {
namespace {

constexpr StepShape kStep{.batch_size = 4, .seq_len = 48, .dropout_seed = 17};

ModelShape llama() {
  ModelShape shape;
  shape.name = "llama";
  shape.n_layer = 3;
  shape.d_model = 64;
  shape.n_head = 4;
  shape.n_kv_head = 2;
  shape.d_head = 16;
  shape.d_ff = 192;
  shape.vocab_size = 257;
  shape.max_seq_len = kStep.seq_len;
  shape.init_std = 0.05;  // far enough from 0 for every part to count
  return shape;
}

ModelShape gpt2() {
  ModelShape shape = llama();
  shape.name = "gpt2";
  shape.n_kv_head = shape.n_head;
  shape.norm = NormKind::layernorm;
  shape.ffn = FfnType::standard;
  shape.activation = Activation::gelu_tanh;
  shape.position = PositionEncoding::learned_absolute;
  shape.qkv_bias = shape.attention_out_bias = shape.ffn_bias = true;
  shape.tied_embeddings = true;
  return shape;
}

ModelShape mixed() {
  ModelShape shape = gpt2();
  shape.name = "mixed";
  shape.norm_position = NormPosition::post;
  shape.position = PositionEncoding::rope;
  shape.qk_norm = true;
  shape.dropout = 0.1;
  shape.z_loss = 1e-4;
  shape.attention_backend = AttentionBackend::manual;
  return shape;
}

struct Result {
  double loss = 0;                             ///< nats a token
  std::vector<std::vector<double>> gradients;  ///< by tensor
  std::vector<std::string> names;
};

std::vector<double> values_of(TensorView view) {
  std::vector<double> values;
  for (int64_t i = 0; i < view.size(); ++i)
    values.push_back(view.dtype == DType::f64 ? view.as<double>()[i]
                                              : static_cast<double>(view.as<float>()[i]));
  return values;
}

/// One batch through the model, forward and backward.
Result run(const ModelShape& shape, Backend backend) {
  Device& device = *backend.device;
  SelfCollectives collectives(device);
  const auto engine = std::make_unique<ParameterEngine>(shape, Layout{}, backend, collectives);
  initialize_parameters(*engine, device, shape, 3);
  const int64_t scratch = backend.ops->prepare(shape, {kStep.batch_size, kStep.seq_len});
  Arena workspace(device, workspace_bytes(shape, kStep, backend) + scratch,
                  MemoryCategory::workspace);
  NoTensorParallel not_split;
  Transformer model(shape, kStep, backend, *engine, not_split, workspace);

  std::vector<int32_t> tokens;
  for (int64_t i = 0; i <= kStep.rows(); ++i)
    tokens.push_back(static_cast<int32_t>(i * i * 31 % shape.vocab_size));
  int64_t first_sample = 7;
  const Batch batch{{tokens.data(), DType::i32, {kStep.batch_size, kStep.seq_len}},
                    {tokens.data() + 1, DType::i32, {kStep.rows()}},
                    {&first_sample, DType::i64, {1}}};
  double losses[2] = {};
  engine->begin_micro_step({});
  model.forward(batch);
  model.backward(batch, {losses, DType::f64, {2}}, 1.0 / static_cast<double>(kStep.rows()));
  device.wait(device.compute_stream(), engine->gradients_final());
  device.synchronize(device.record(device.compute_stream()));

  Result result;
  result.loss = losses[0] / static_cast<double>(kStep.rows());
  const FlatShard& shard = engine->shard();
  for (const ShardPiece& piece : shard.pieces()) {
    result.names.push_back(tensor_of(shard.layout(), piece).name);
    result.gradients.push_back(
        values_of(shard.grads().flat_slice(shard.grads_offset(piece), {piece.size})));
  }
  return result;
}

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

double cosine(const std::vector<double>& a, const std::vector<double>& b) {
  return dot(a, b) / std::sqrt(dot(a, a) * dot(b, b));
}

std::vector<double> joined(const Result& result) {
  std::vector<double> all;
  for (const std::vector<double>& part : result.gradients)
    all.insert(all.end(), part.begin(), part.end());
  return all;
}

class WholeModel : public testing::TestWithParam<ModelShape> {
 protected:
  const Result expected_ = run(GetParam(), make_reference_backend({}));
};

TEST_P(WholeModel, in_f32_every_tensors_gradient_is_within_1e_5) {
  const Result result = run(GetParam(), make_cpu_backend({.n_threads = 2}));
  EXPECT_NEAR(result.loss, expected_.loss, 1e-5 * expected_.loss);
  for (std::size_t i = 0; i < result.gradients.size(); ++i) {
    std::vector<double> error = result.gradients[i];
    for (std::size_t k = 0; k < error.size(); ++k) error[k] -= expected_.gradients[i][k];
    const double norm = std::sqrt(dot(expected_.gradients[i], expected_.gradients[i]));
    EXPECT_LE(std::sqrt(dot(error, error)), 1e-5 * norm) << result.names[i];
  }
}

TEST_P(WholeModel, in_bf16_and_fp16_gradients_point_the_same_way) {
  for (const Precision precision : {Precision::bf16, Precision::fp16}) {
    const Result result = run(GetParam(), make_cpu_backend({.n_threads = 2}, precision));
    EXPECT_NEAR(result.loss, expected_.loss, 2e-3) << to_string(precision);
    EXPECT_GE(cosine(joined(result), joined(expected_)), 0.999) << to_string(precision);
  }
}

/// The measure sees a defect: other masks, another place of the norm.
TEST(WholeModelMeasure, tells_a_wrong_model_apart) {
  ModelShape wrong = llama();
  wrong.rope_theta = 100;
  const Result expected = run(llama(), make_reference_backend({}));
  const Result result = run(wrong, make_cpu_backend({}));
  EXPECT_LT(cosine(joined(result), joined(expected)), 0.999);
}

INSTANTIATE_TEST_SUITE_P(All, WholeModel, testing::Values(llama(), gpt2(), mixed()),
                         [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace isoflop
