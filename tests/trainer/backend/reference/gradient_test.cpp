// SPDX-License-Identifier: MIT
// Finite differences prove every gradient of the reference for every option.
#include "../op_rig.hpp"
#include "core/model/architecture.hpp"
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

  /// Every sharing of keys under every backend, with and without dropout, of one document and of
  /// several in each sequence.
  std::vector<AttentionParams> attention_params() {
    const TensorView first_sample = rig_.tensor(DType::i64, {1}, Values{12});
    std::vector<AttentionParams> result;
    for (const AttentionShape heads : {AttentionShape{2, 2, 4}, {4, 2, 4}, {3, 1, 2}})
      for (const AttentionBackend backend : {AttentionBackend::sdpa, AttentionBackend::manual})
        for (const double rate : {0.0, 0.4})
          for (const TensorView& first_keys :
               {TensorView(), rig_.tensor(DType::i32, {2, 4}, Values{0, 0, 2, 3, 0, 1, 1, 1})})
            result.push_back({heads, backend, {rate, 42, first_sample, 4, 1}, first_keys});
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
      ops_.linear_backward_weight(rig_.exec(), d_w, d_bias, d_out, rig_.tensor({M, K}, in[0]),
                                  Accumulate::yes);
      std::vector<Values> gradients = {rig_.read(d_x), accumulated(d_w)};
      if (has_bias) gradients.push_back(accumulated(d_bias));
      return gradients;
    };
    expect_gradients(op);
  }
}

TEST_F(Gradient, residual_and_norm_of_every_kind) {
  constexpr int64_t M = 3, C = 6;
  for (const NormRow& row : kNormRows) {
    SCOPED_TRACE(row.name);
    const NormParams params{row.value, 1e-5};
    const bool has_bias = row.has_bias;
    const int64_t n_stats = row.stats_width();
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

TEST_F(Gradient, qk_norm_of_every_kind) {
  const AttentionShape heads{3, 2, 6};
  constexpr int64_t B = 1, T = 2, D = 6, kNormed = 5;
  const Extents shape{B, T, kNormed + 2, D};
  for (const NormRow& row : kNormRows) {
    SCOPED_TRACE(row.name);
    const NormParams params{row.value, 1e-5};
    DifferentiableOp op{{"qkv", "q_weight", "k_weight"},
                        {random_values(shape.product(), 1), random_values(D, 2, 0.5, 1.5),
                         random_values(D, 3, 0.5, 1.5)},
                        {},
                        {}};
    if (row.has_bias) op.input_names.insert(op.input_names.end(), {"q_bias", "k_bias"});
    if (row.has_bias) op.inputs.insert(op.inputs.end(), {random_values(D, 4), random_values(D, 5)});
    const auto weights_of = [&](const std::vector<Values>& in) {
      QkNormTensors weights{.q_weight = rig_.tensor({D}, in[1]),
                            .k_weight = rig_.tensor({D}, in[2])};
      if (row.has_bias) weights.q_bias = rig_.tensor({D}, in[3]);
      if (row.has_bias) weights.k_bias = rig_.tensor({D}, in[4]);
      return weights;
    };
    TensorView qk, stats;  // of the last forward
    op.forward = [&](const auto& in) {
      const TensorView qkv = rig_.tensor(shape, in[0]);
      qk = rig_.fresh({B * T, kNormed, D});
      stats = rig_.fresh({B * T, kNormed, row.stats_width()});
      ops_.qk_norm_forward(rig_.exec(), qkv, qk, stats, weights_of(in), heads, params);
      return rig_.read(qkv);
    };
    op.backward = [&](const auto& in, const Values& cotangent) {
      op.forward(in);
      const TensorView d_qkv = rig_.tensor(shape, cotangent);
      QkNormTensors d_weights{.q_weight = accumulator({D}), .k_weight = accumulator({D})};
      if (row.has_bias) d_weights.q_bias = accumulator({D});
      if (row.has_bias) d_weights.k_bias = accumulator({D});
      ops_.qk_norm_backward(rig_.exec(), d_qkv, d_weights, qk, stats, weights_of(in), heads,
                            params);
      std::vector<Values> gradients = {rig_.read(d_qkv), accumulated(d_weights.q_weight),
                                       accumulated(d_weights.k_weight)};
      if (row.has_bias) gradients.push_back(accumulated(d_weights.q_bias));
      if (row.has_bias) gradients.push_back(accumulated(d_weights.k_bias));
      return gradients;
    };
    expect_gradients(op);
  }
}

TEST_F(Gradient, dropout) {
  constexpr int64_t M = 6, C = 9;
  const Values first_sample = {2};
  const Dropout dropout{0.4, 7, rig_.tensor(DType::i64, {1}, first_sample), 3, 1};
  const auto apply = [&](const Values& values) {
    const TensorView out = rig_.fresh({M, C});
    ops_.dropout(rig_.exec(), out, rig_.tensor({M, C}, values), dropout);
    return rig_.read(out);
  };
  expect_gradients({{"in"},
                    {random_values(M * C, 1)},
                    [&](const auto& in) { return apply(in[0]); },
                    [&](const auto&, const Values& cotangent) {
                      return std::vector<Values>{apply(cotangent)};
                    }});
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
  for (const ActivationRow& row : kActivationRows) {
    for (const FfnRow& ffn_row : kFfnRows) {
      const Activation activation = row.value;
      const FfnType ffn = ffn_row.value;
      const Extents shape{M, ffn == FfnType::gated ? 2 * F : F};
      SCOPED_TRACE(std::string(row.name) + " " + std::string(ffn_row.name));
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

class HeadLossGradient : public Gradient {
 protected:
  /// Of the sum of both losses, with a target ignored, in chunks of so many tokens.
  void expect_gradients_of(int64_t chunk, const HeadLossParams& params) {
    constexpr int64_t M = 5, C = 4, V = 7;
    const Values targets = {3, -1, 0, 6, 3};
    const double scale =
        params.grad_scale *
        (params.state == nullptr ? 1 : rig_.read_state(params.state).loss_scale.scale);
    const auto run = [=, this](const std::vector<Values>& in, TensorView d_x, TensorView d_w) {
      const TensorView loss = rig_.filled(DType::f64, {2}, 0);
      ops_.head_loss(rig_.exec(), loss, d_x, d_w, rig_.fresh({chunk, V}),
                     rig_.tensor({M, C}, in[0]), rig_.tensor({V, C}, in[1]),
                     rig_.tensor(DType::i32, {M}, targets), params);
      const Values sums = rig_.read(loss);
      return Values{sums[0] + sums[1]};
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
};

TEST_F(HeadLossGradient, with_ignored_targets_for_every_chunk) {
  for (const int64_t chunk : {1, 2, 3, 5, 8}) expect_gradients_of(chunk, {.grad_scale = 0.5});
}

TEST_F(HeadLossGradient, with_z_loss) {
  for (const double z_loss : {1e-4, 0.3})
    expect_gradients_of(2, {.grad_scale = 0.5, .z_loss = z_loss});
}

TEST_F(HeadLossGradient, is_multiplied_by_the_loss_scale_on_the_device) {
  StepState state;
  state.loss_scale.scale = 1024;
  expect_gradients_of(2, {.grad_scale = 0.5, .z_loss = 0.1, .state = rig_.state(state)});
}

}  // namespace
}  // namespace isoflop
