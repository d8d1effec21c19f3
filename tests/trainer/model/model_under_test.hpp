// SPDX-License-Identifier: MIT
#pragma once

#include "support/full_parameters.hpp"
#include "trainer/model/transformer.hpp"

#include <ostream>
#include <random>
#include <string>
#include <vector>

namespace isoflop::test {

inline constexpr int64_t kBatch = 2;
inline constexpr int64_t kSeqLen = 5;

inline ModelShape tiny_llama() {
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

inline ModelShape tiny_gpt2() {
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
inline std::vector<ModelShape> tiny_variants() {
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

struct ModelCase {
  ModelShape shape;
  RecomputePlan recompute;
  std::string name;
};

inline void PrintTo(const ModelCase& tested, std::ostream* out) { *out << tested.name; }

/// A model on the reference backend with random parameters and one random batch, some targets left
/// out.
class ModelUnderTest {
 public:
  /// `hooks` may take hook_bytes of the arena; none: the model is not split.
  explicit ModelUnderTest(const ModelCase& test_case, TensorParallel* hooks = nullptr,
                          int64_t hook_bytes = 0)
      : shape_(test_case.shape),
        layout_(make_flat_layout(shape_, 1)),
        parameters_(layout_),
        backend_(make_reference_backend({})),
        step_{kBatch, kSeqLen, test_case.recompute, /*dropout_seed=*/99},
        workspace_(*backend_.device, workspace_bytes(shape_, step_, backend_) + hook_bytes,
                   MemoryCategory::workspace),
        model_(shape_, step_, backend_, parameters_, hooks ? *hooks : not_split_, workspace_) {
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
  FullParameters& parameters() { return parameters_; }
  // (kBatch, kSeqLen) each, to be changed at will.
  std::vector<int32_t>& inputs() { return inputs_; }
  std::vector<int32_t>& targets() { return targets_; }
  /// Where each token's document begins.
  void set_first_keys(std::vector<int32_t> first_keys) { first_keys_ = std::move(first_keys); }

 private:
  Batch batch() {
    return {{inputs_.data(), DType::i32, {kBatch, kSeqLen}},
            {targets_.data(), DType::i32, {kBatch * kSeqLen}},
            numbered_ ? TensorView(&first_sample_, DType::i64, {1}) : TensorView(),
            first_keys_.empty() ? TensorView()
                                : TensorView(first_keys_.data(), DType::i32, {kBatch, kSeqLen})};
  }
  void finish() {
    backend_.device->synchronize(backend_.device->record(backend_.device->compute_stream()));
  }

  ModelShape shape_;
  FlatLayout layout_;
  FullParameters parameters_;
  Backend backend_;
  StepShape step_;
  Arena workspace_;
  NoTensorParallel not_split_;
  Transformer model_;
  int64_t first_sample_ = 5;
  bool numbered_ = true;
  std::vector<int32_t> inputs_ = std::vector<int32_t>(kBatch * kSeqLen);
  std::vector<int32_t> targets_ = std::vector<int32_t>(kBatch * kSeqLen);
  std::vector<int32_t> first_keys_;
};

}  // namespace isoflop::test
