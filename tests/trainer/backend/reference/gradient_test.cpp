// SPDX-License-Identifier: MIT
// Finite differences prove every gradient of the reference for every option.
#include "../op_rig.hpp"
#include "finite_difference.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace isoflop {
namespace {

/// What "+=" outputs hold before the call; a backward that overwrites them fails.
constexpr double kBefore = 0.25;

class Gradient : public testing::Test {
 protected:
  Values accumulated(const TensorView& view) {
    Values values = rig_.read(view);
    for (double& value : values) value -= kBefore;
    return values;
  }
  TensorView accumulator(Extents shape) { return rig_.filled(shape, kBefore); }

  /// Every sharing of keys under every backend, with and without dropout.
  std::vector<AttentionParams> attention_params() {
    const TensorView first_sample = rig_.tensor(DType::i64, {1}, Values{12});
    std::vector<AttentionParams> result;
    for (const AttentionShape heads : {AttentionShape{2, 2, 4}, {4, 2, 4}, {3, 1, 2}})
      for (const AttentionBackend backend : {AttentionBackend::sdpa, AttentionBackend::manual})
        for (const double rate : {0.0, 0.4})
          result.push_back({heads, backend, {rate, 42, first_sample, 4, 1}});
    return result;
  }

  OpRig rig_{make_reference_backend({})};
  Ops& ops_ = rig_.ops();
};

TEST_F(Gradient, embedding) {
  const Values tokens = {2, 0, 2, 1, 4, 2};
  expect_gradients(
      {{"wte", "wpe"},
       {random_values(5 * 4, 1), random_values(3 * 4, 2)},
       [&](const auto& in) {
         const TensorView out = rig_.fresh({2, 3, 4});
         ops_.embedding_forward(rig_.exec(), out, rig_.tensor(DType::i32, {2, 3}, tokens),
                                rig_.tensor({5, 4}, in[0]), rig_.tensor({3, 4}, in[1]));
         return rig_.read(out);
       },
       [&](const auto&, const Values& d_out) {
         const TensorView d_wte = accumulator({5, 4}), d_wpe = accumulator({3, 4});
         ops_.embedding_backward(rig_.exec(), d_wte, d_wpe, rig_.tensor(DType::i32, {2, 3}, tokens),
                                 rig_.tensor({2, 3, 4}, d_out));
         return std::vector<Values>{accumulated(d_wte), accumulated(d_wpe)};
       }});
}

TEST_F(Gradient, linear_with_and_without_bias) {
  constexpr int64_t M = 3, N = 4, K = 5;
  for (const bool has_bias : {true, false}) {
    DifferentiableOp op{{"x", "w"}, {random_values(M * K, 1), random_values(N * K, 2)}, {}, {}};
    if (has_bias) op.input_names.emplace_back("bias");
    if (has_bias) op.inputs.push_back(random_values(N, 3));
    op.forward = [&](const auto& in) {
      const TensorView out = rig_.fresh({M, N});
      ops_.linear_forward(rig_.exec(), out, rig_.tensor({M, K}, in[0]), rig_.tensor({N, K}, in[1]),
                          has_bias ? rig_.tensor({N}, in[2]) : TensorView{});
      return rig_.read(out);
    };
    op.backward = [&](const auto& in, const Values& cotangent) {
      const TensorView d_out = rig_.tensor({M, N}, cotangent), d_x = rig_.fresh({M, K});
      const TensorView d_w = accumulator({N, K});
      const TensorView d_bias = has_bias ? accumulator({N}) : TensorView{};
      ops_.linear_backward_input(rig_.exec(), d_x, d_out, rig_.tensor({N, K}, in[1]));
      ops_.linear_backward_weight(rig_.exec(), d_w, d_bias, d_out, rig_.tensor({M, K}, in[0]));
      std::vector<Values> gradients = {rig_.read(d_x), accumulated(d_w)};
      if (has_bias) gradients.push_back(accumulated(d_bias));
      return gradients;
    };
    expect_gradients(op);
  }
}

TEST_F(Gradient, residual_and_norm_of_every_kind) {
  constexpr int64_t M = 3, C = 6;
  for (const NormKind kind : {NormKind::rmsnorm, NormKind::layernorm, NormKind::layernorm_nobias}) {
    const NormParams params{kind, 1e-5};
    const bool has_bias = kind == NormKind::layernorm;
    const int64_t n_stats = kind == NormKind::rmsnorm ? 1 : 2;
    TensorView residual, stats;  // of the last forward
    DifferentiableOp op{
        {"residual_in", "delta", "weight"},
        {random_values(M * C, 1), random_values(M * C, 2), random_values(C, 3, 0.5, 1.5)},
        {},
        {}};
    if (has_bias) op.input_names.emplace_back("bias");
    if (has_bias) op.inputs.push_back(random_values(C, 4));
    op.forward = [&](const auto& in) {
      residual = rig_.fresh({M, C});
      stats = rig_.fresh({M, n_stats});
      const TensorView out = rig_.fresh({M, C});
      ops_.residual_norm_forward(rig_.exec(), residual, out, stats, rig_.tensor({M, C}, in[0]),
                                 rig_.tensor({M, C}, in[1]), rig_.tensor({C}, in[2]),
                                 has_bias ? rig_.tensor({C}, in[3]) : TensorView{}, params);
      return rig_.read(out);
    };
    op.backward = [&](const auto& in, const Values& cotangent) {
      op.forward(in);
      const TensorView d_residual = accumulator({M, C}), d_weight = accumulator({C});
      const TensorView d_bias = has_bias ? accumulator({C}) : TensorView{};
      ops_.norm_backward(rig_.exec(), d_residual, d_weight, d_bias, rig_.tensor({M, C}, cotangent),
                         residual, stats, rig_.tensor({C}, in[2]), params);
      std::vector<Values> gradients = {accumulated(d_residual), accumulated(d_residual),
                                       accumulated(d_weight)};
      if (has_bias) gradients.push_back(accumulated(d_bias));
      return gradients;
    };
    expect_gradients(op);
  }
}

TEST_F(Gradient, rope_backward_is_the_transpose_of_forward) {
  const AttentionShape heads{2, 1, 6};
  const Extents shape{2, 3, 4, 6};
  const auto apply = [&](const Values& values, RopeDirection direction) {
    const TensorView qkv = rig_.tensor(shape, values);
    ops_.rope(rig_.exec(), qkv, heads, 100.0, direction);
    return rig_.read(qkv);
  };
  expect_gradients({{"qkv"},
                    {random_values(shape.product(), 1)},
                    [&](const auto& in) { return apply(in[0], RopeDirection::forward); },
                    [&](const auto&, const Values& cotangent) {
                      return std::vector<Values>{apply(cotangent, RopeDirection::backward)};
                    }});
}

TEST_F(Gradient, attention_with_all_grouped_and_one_kv_head_by_every_backend_and_dropout) {
  for (const AttentionParams& params : attention_params()) {
    constexpr int64_t B = 2, T = 4;
    const AttentionShape& heads = params.heads;
    const bool manual = params.backend == AttentionBackend::manual;
    const Extents shape{B, T, heads.n_head + 2 * heads.n_kv_head, heads.d_head};
    TensorView out, stats;  // of the last forward
    DifferentiableOp op{{"qkv"}, {random_values(shape.product(), 5)}, {}, {}};
    op.forward = [&](const auto& in) {
      out = rig_.fresh({B, T, heads.n_head, heads.d_head});
      stats = rig_.fresh(manual ? Extents{B, heads.n_head, T, T} : Extents{B, heads.n_head, T});
      ops_.attention_forward(rig_.exec(), out, stats, rig_.tensor(shape, in[0]), params);
      return rig_.read(out);
    };
    op.backward = [&](const auto& in, const Values& cotangent) {
      op.forward(in);
      const TensorView d_qkv = rig_.fresh(shape), scratch = rig_.fresh(stats.shape);
      ops_.attention_backward(rig_.exec(), d_qkv, scratch, rig_.tensor(out.shape, cotangent),
                              rig_.tensor(shape, in[0]), out, stats, params);
      return std::vector<Values>{rig_.read(d_qkv)};
    };
    expect_gradients(op);
  }
}

/// Values in [-3, 3] but no closer to 0 than 0.1, where relu has its kink.
Values away_from_zero(int64_t n) {
  Values values = random_values(n, 6, -3, 3);
  for (double& value : values) value += value < 0 ? -0.1 : 0.1;
  return values;
}

TEST_F(Gradient, every_activation_standard_and_gated) {
  constexpr int64_t M = 3, F = 5;
  for (const Activation activation : {Activation::gelu_tanh, Activation::gelu_erf, Activation::silu,
                                      Activation::relu, Activation::leaky_relu}) {
    for (const FfnType ffn : {FfnType::standard, FfnType::gated}) {
      const Extents shape{M, ffn == FfnType::gated ? 2 * F : F};
      SCOPED_TRACE(static_cast<int>(activation) * 2 + static_cast<int>(ffn));
      expect_gradients(
          {{"in"},
           {away_from_zero(shape.product())},
           [&](const auto& in) {
             const TensorView out = rig_.fresh({M, F});
             ops_.activation_forward(rig_.exec(), out, rig_.tensor(shape, in[0]), activation, ffn);
             return rig_.read(out);
           },
           [&](const auto& in, const Values& cotangent) {
             const TensorView d_in = rig_.fresh(shape);
             ops_.activation_backward(rig_.exec(), d_in, rig_.tensor({M, F}, cotangent),
                                      rig_.tensor(shape, in[0]), activation, ffn);
             return std::vector<Values>{rig_.read(d_in)};
           }});
    }
  }
}

TEST_F(Gradient, head_loss_with_ignored_targets_for_every_chunk) {
  constexpr int64_t M = 5, C = 4, V = 7;
  const Values targets = {3, -1, 0, 6, 3};
  const double scale = 0.5;
  for (const int64_t chunk : {1, 2, 3, 5, 8}) {
    const auto run = [&](const std::vector<Values>& in, TensorView d_x, TensorView d_w) {
      const TensorView loss = rig_.filled(DType::f64, {2}, 0);
      ops_.head_loss(rig_.exec(), loss, d_x, d_w, rig_.fresh({chunk, V}),
                     rig_.tensor({M, C}, in[0]), rig_.tensor({V, C}, in[1]),
                     rig_.tensor(DType::i32, {M}, targets), {.grad_scale = scale});
      return Values{rig_.read(loss)[0]};
    };
    expect_gradients({{"x", "w"},
                      {random_values(M * C, 7), random_values(V * C, 8)},
                      [&](const auto& in) { return run(in, {}, {}); },
                      [&](const auto& in, const Values& cotangent) {
                        const TensorView d_x = rig_.fresh({M, C}), d_w = accumulator({V, C});
                        run(in, d_x, d_w);
                        std::vector<Values> gradients = {rig_.read(d_x), accumulated(d_w)};
                        for (Values& gradient : gradients)
                          for (double& g : gradient) g *= cotangent[0] / scale;
                        return gradients;
                      }});
  }
}

}  // namespace
}  // namespace isoflop
