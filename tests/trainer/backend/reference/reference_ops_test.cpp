// SPDX-License-Identifier: MIT
// Known answers: values worked out by hand or from a definition other than the code's.
#include "../op_rig.hpp"
#include "trainer/backend/update_segment.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace isoflop {
namespace {

using testing::DoubleEq;
using testing::DoubleNear;
using testing::ElementsAre;
using testing::Pointwise;
using Values = std::vector<double>;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

class Reference : public testing::Test {
 protected:
  OpRig rig_{make_reference_backend({})};
  Ops& ops_ = rig_.ops();
};

TEST_F(Reference, linear_is_x_times_w_transposed) {
  const TensorView out = rig_.fresh({1, 2});
  ops_.linear_forward(rig_.exec(), out, rig_.tensor({1, 3}, Values{1, 2, 3}),
                      rig_.tensor({2, 3}, Values{1, 0, 0, 1, 1, 1}),
                      rig_.tensor({2}, Values{10, 20}));
  EXPECT_THAT(rig_.read(out), ElementsAre(11, 26));
}

TEST_F(Reference, rmsnorm_of_3_4_has_rms_root_12_5) {
  const TensorView out = rig_.fresh({1, 2}), residual = rig_.fresh({1, 2});
  const TensorView stats = rig_.fresh({1, 1});
  ops_.residual_norm_forward(rig_.exec(), residual, out, stats, rig_.tensor({1, 2}, Values{1, 1}),
                             rig_.tensor({1, 2}, Values{2, 3}), rig_.tensor({2}, Values{1, 2}), {},
                             {NormKind::rmsnorm, 0});
  const double rms = std::sqrt(12.5);
  EXPECT_THAT(rig_.read(residual), ElementsAre(3, 4));
  EXPECT_THAT(rig_.read(stats), ElementsAre(DoubleEq(1 / rms)));
  EXPECT_THAT(rig_.read(out), ElementsAre(DoubleEq(3 / rms), DoubleEq(8 / rms)));
}

TEST_F(Reference, layernorm_output_has_the_bias_as_mean) {
  const TensorView out = rig_.fresh({1, 2}), stats = rig_.fresh({1, 2});
  const TensorView x = rig_.tensor({1, 2}, Values{1, 5});
  ops_.residual_norm_forward(rig_.exec(), x, out, stats, x, {}, rig_.tensor({2}, Values{1, 1}),
                             rig_.tensor({2}, Values{7, 7}), {NormKind::layernorm, 0});
  EXPECT_THAT(rig_.read(stats), ElementsAre(3, 0.5));  // mean 3, deviation 2
  EXPECT_THAT(rig_.read(out), ElementsAre(6, 8));
}

TEST_F(Reference, rope_rotates_the_first_pair_by_the_position_in_radians) {
  // d_head 4: pairs (0, 2) with frequency 1 and (1, 3) with frequency 100^(-1/2) = 0.1.
  const Values values = {1, 1, 0, 0, 9, 9, 9, 9, 5, 5, 5, 5,   // t = 0: query, key, value
                         1, 1, 0, 0, 1, 1, 0, 0, 5, 6, 7, 8};  // t = 1
  const TensorView qkv = rig_.tensor({1, 2, 3, 4}, values);
  ops_.rope(rig_.exec(), qkv, {1, 1, 4}, 100, RopeDirection::forward);
  const Values out = rig_.read(qkv);
  EXPECT_EQ(Values(out.begin(), out.begin() + 12), Values(values.begin(), values.begin() + 12));
  const auto rotated = ElementsAre(DoubleEq(std::cos(1)), DoubleEq(std::cos(0.1)),
                                   DoubleEq(std::sin(1)), DoubleEq(std::sin(0.1)));
  EXPECT_THAT(Values(out.begin() + 12, out.begin() + 16), rotated);
  EXPECT_THAT(Values(out.begin() + 16, out.begin() + 20), rotated);
  EXPECT_THAT(Values(out.begin() + 20, out.end()), ElementsAre(5, 6, 7, 8));
}

TEST_F(Reference, attention_sees_no_later_token) {
  const AttentionShape heads{1, 1, 2};
  Values values = random_values(3 * 3 * 2, 1);
  const auto forward = [&] {
    const TensorView out = rig_.fresh({1, 3, 1, 2}), lse = rig_.fresh({1, 1, 3});
    ops_.attention_forward(rig_.exec(), out, lse, rig_.tensor({1, 3, 3, 2}, values), {heads});
    return rig_.read(out);
  };
  const Values before = forward();
  EXPECT_THAT(Values(before.begin(), before.begin() + 2),  // the first token sees only itself
              ElementsAre(DoubleEq(values[4]), DoubleEq(values[5])));
  for (std::size_t i = 12; i < 18; ++i) values[i] += 1;  // the last token's q, k, v
  const Values after = forward();
  EXPECT_EQ(Values(before.begin(), before.begin() + 4), Values(after.begin(), after.begin() + 4));
  EXPECT_NE(before[4], after[4]);
}

TEST_F(Reference, attention_with_equal_scores_averages_values) {
  const TensorView out = rig_.fresh({1, 2, 1, 2}), lse = rig_.fresh({1, 1, 2});
  const Values values = {0, 0, 1, 1, 2, 4,   // t = 0: query 0, so all scores are 0
                         0, 0, 3, 1, 6, 8};  // t = 1
  ops_.attention_forward(rig_.exec(), out, lse, rig_.tensor({1, 2, 3, 2}, values), {{1, 1, 2}});
  EXPECT_THAT(rig_.read(out), Pointwise(DoubleNear(1e-15), Values{2, 4, 4, 6}));
  EXPECT_THAT(rig_.read(lse), ElementsAre(DoubleEq(0), DoubleEq(std::log(2))));
}

TEST_F(Reference, activations_at_one) {
  const auto at_one = [&](Activation activation) {
    const TensorView out = rig_.fresh({1, 2});
    ops_.activation_forward(rig_.exec(), out, rig_.tensor({1, 2}, Values{1, -1}), activation,
                            FfnType::standard);
    return rig_.read(out);
  };
  // GELU: 1 x Phi(1) = 0.8413447; tanh form 0.8411920 (Hendrycks and Gimpel). SiLU: 1 / (1 + 1/e).
  EXPECT_THAT(at_one(Activation::gelu_erf),
              ElementsAre(DoubleNear(0.8413447461, 1e-10), DoubleNear(-0.1586552539, 1e-10)));
  EXPECT_THAT(at_one(Activation::gelu_tanh),
              ElementsAre(DoubleNear(0.8411919906, 1e-10), DoubleNear(-0.1588080094, 1e-10)));
  EXPECT_THAT(at_one(Activation::silu),
              ElementsAre(DoubleNear(0.7310585786, 1e-10), DoubleNear(-0.2689414214, 1e-10)));
  EXPECT_THAT(at_one(Activation::relu), ElementsAre(1, 0));
  EXPECT_THAT(at_one(Activation::leaky_relu), ElementsAre(1, -0.01));
}

TEST_F(Reference, gated_ffn_multiplies_by_the_second_half) {
  const TensorView out = rig_.fresh({1, 2});
  ops_.activation_forward(rig_.exec(), out, rig_.tensor({1, 4}, Values{2, 3, 10, -5}),
                          Activation::relu, FfnType::gated);
  EXPECT_THAT(rig_.read(out), ElementsAre(20, -15));
}

TEST_F(Reference, head_loss_of_equal_logits_is_log_vocabulary_per_target) {
  const TensorView loss = rig_.filled(DType::f64, {2}, 100);
  ops_.head_loss(rig_.exec(), loss, {}, {}, rig_.fresh({2, 8}), rig_.filled({3, 4}, 1),
                 rig_.filled({8, 4}, 0.5), rig_.tensor(DType::i32, {3}, Values{0, -1, 7}), {});
  EXPECT_THAT(rig_.read(loss), ElementsAre(DoubleNear(100 + 2 * std::log(8), 1e-12), 100));
}

TEST_F(Reference, statistics_count_non_finite_elements_and_leave_them_out) {
  const Values flat = {1, -2, 3, kNaN, 1, kInfinity, -kInfinity, 9, kNaN};
  const TensorView sums = rig_.fresh(DType::f64, {3, 3});
  const TensorView extremes = rig_.fresh(DType::f64, {3, 2});
  ops_.segment_statistics(rig_.exec(), sums, extremes, rig_.tensor({9}, flat),
                          rig_.tensor(DType::i64, {3, 2}, Values{0, 3, 3, 4, 8, 1}));
  EXPECT_THAT(rig_.read(sums), ElementsAre(2, 14, 0, 1, 1, 3, 0, 0, 1));
  EXPECT_THAT(rig_.read(extremes), ElementsAre(2, 3, -1, 1, -kInfinity, -kInfinity));
}

TEST_F(Reference, clip_scales_to_the_largest_norm) {
  const auto clipped = [&](const Values& sums, double max_norm) {
    StepState* const state = rig_.state({});
    ops_.clip_by_global_norm(rig_.exec(), state, rig_.tensor(DType::f64, {2, 3}, sums), max_norm);
    return rig_.read_state(state).output;
  };
  const Values norm_5 = {0, 9, 0, 0, 16, 0};
  EXPECT_DOUBLE_EQ(clipped(norm_5, 1).grad_norm, 5);
  EXPECT_DOUBLE_EQ(clipped(norm_5, 1).clip_scale, 0.2);
  EXPECT_DOUBLE_EQ(clipped(norm_5, 6).clip_scale, 1);
  EXPECT_DOUBLE_EQ(clipped(norm_5, 0).clip_scale, 1);
  EXPECT_EQ(clipped(norm_5, 1).skip, 0);
  const auto bad = clipped({0, 9, 2, 0, 16, 1}, 1);
  EXPECT_DOUBLE_EQ(bad.nonfinite, 3);
  EXPECT_EQ(bad.skip, 1);
}

class ReferenceAdamW : public Reference {
 protected:
  /// One element at 1 with gradient `grads[t-1]` in step t; returns it after each step.
  Values run(const Values& grads, const AdamWParams& adamw, double lr, int64_t decayed) {
    const TensorView p = rig_.filled({1}, 1), m = rig_.filled({1}, 0), v = rig_.filled({1}, 0);
    const TensorView segments = rig_.tensor(DType::i64, {1, kUpdateColumns},
                                            Values{1, static_cast<double>(decayed), 0, 0, 0, 0, 0});
    const TensorView norms = rig_.filled({1, 2}, 0);
    Values result;
    for (const double grad : grads) {
      StepState state;
      state.input.lr = lr;
      state.n_update = static_cast<int64_t>(result.size()) + 1;
      ops_.adamw(rig_.exec(), p, m, v, rig_.filled({1}, grad), segments, norms, rig_.state(state),
                 adamw);
      result.push_back(rig_.read(p)[0]);
    }
    return result;
  }
};

TEST_F(ReferenceAdamW, first_step_moves_by_lr_against_the_sign) {
  // m_hat = g and v_hat = g^2 after one step, so the update is lr g / |g|.
  const AdamWParams adamw{0.9, 0.95, 0, 0};
  EXPECT_THAT(run({0.5}, adamw, 0.1, 1), ElementsAre(DoubleNear(0.9, 1e-14)));
  EXPECT_THAT(run({-8}, adamw, 0.1, 1), ElementsAre(DoubleNear(1.1, 1e-14)));
}

TEST_F(ReferenceAdamW, second_step_as_worked_out_by_hand) {
  // beta1 = beta2 = 1/2, g = 1 then 3: m = 1/2, 7/4; v = 1/2, 19/4; corrections 1/2, 3/4;
  // m_hat = 7/3, v_hat = 19/3; x = 1 - 0.1 - 0.1 (7/3) / sqrt(19/3).
  EXPECT_THAT(run({1, 3}, {0.5, 0.5, 0, 0}, 0.1, 1),
              ElementsAre(DoubleNear(0.9, 1e-14),
                          DoubleNear(0.9 - 0.1 * (7.0 / 3) / std::sqrt(19.0 / 3), 1e-14)));
}

/// Steps with a non-finite gradient count for nothing: the first update moves by lr again.
TEST_F(ReferenceAdamW, skipped_steps_do_not_shrink_the_first_update) {
  const TensorView p = rig_.filled({1}, 1), m = rig_.filled({1}, 0), v = rig_.filled({1}, 0);
  const TensorView segments =
      rig_.tensor(DType::i64, {1, kUpdateColumns}, Values{1, 0, 0, 0, 0, 0, 0});
  StepState value;
  value.input.lr = 0.1;
  StepState* const state = rig_.state(value);
  for (const double nonfinite : {1, 1, 1, 1, 0}) {
    ops_.clip_by_global_norm(rig_.exec(), state,
                             rig_.tensor(DType::f64, {1, 3}, Values{0, 1, nonfinite}), 0);
    EXPECT_EQ(rig_.read_state(state).n_update, nonfinite == 0 ? 1 : 0);
    ops_.adamw(rig_.exec(), p, m, v, rig_.filled({1}, 0.5), segments, rig_.filled({1, 2}, 0), state,
               {0.9, 0.95, 0, 0});
  }
  EXPECT_THAT(rig_.read(p), ElementsAre(DoubleNear(0.9, 1e-14)));
}

TEST_F(ReferenceAdamW, decay_is_decoupled_and_only_for_decayed_segments) {
  const AdamWParams adamw{0.9, 0.95, 1e-8, 0.1};
  EXPECT_THAT(run({0}, adamw, 0.5, 1), ElementsAre(DoubleNear(0.95, 1e-14)));  // 1 - lr decay
  EXPECT_THAT(run({0}, adamw, 0.5, 0), ElementsAre(1));
}

/// Offsets of their own: the second segment is elements 3 and 4 of params, 1 and 2 of grads, 0 and
/// 1 of m, 1 and 2 of v. With no momentum, no decay and lr 0.5 an element moves by 0.5 against its
/// gradient's sign.
TEST_F(ReferenceAdamW, every_buffer_has_offsets_of_its_own_and_norms_are_by_tensor) {
  const TensorView p = rig_.tensor(DType::f64, {5}, Values{1, 2, 3, 4, 5});
  const TensorView m = rig_.filled({3}, 0), v = rig_.filled({3}, 0);
  const TensorView grads = rig_.tensor(DType::f64, {3}, Values{2, 2, -2});
  const TensorView norms = rig_.tensor(DType::f64, {3, 2}, Values{0, 0, 0, 0, 10, 20});
  const TensorView segments = rig_.tensor(DType::i64, {2, kUpdateColumns},
                                          Values{1, 0, 0, 0, 2, 0, 0,    // one element of tensor 0
                                                 2, 0, 3, 1, 0, 1, 2});  // two of tensor 2
  StepState state;
  state.input.lr = 0.5;
  state.n_update = 1;
  ops_.adamw(rig_.exec(), p, m, v, grads, segments, norms, rig_.state(state), {0, 0, 0, 0});
  EXPECT_THAT(rig_.read(p), ElementsAre(0.5, 2, 3, 3.5, 5.5));
  EXPECT_THAT(rig_.read(m), ElementsAre(2, -2, 2));
  EXPECT_THAT(rig_.read(v), ElementsAre(4, 4, 4));
  EXPECT_THAT(rig_.read(norms), ElementsAre(0.25, 0.25, 0, 0, 10 + 3.5 * 3.5 + 5.5 * 5.5, 20.5));
}

TEST_F(ReferenceAdamW, padding_and_a_skipped_step_leave_everything_alone) {
  const auto run_on_two = [&](const StepState& state) {
    const TensorView p = rig_.filled({2}, 1), m = rig_.filled({2}, 0), v = rig_.filled({2}, 0);
    const TensorView norms = rig_.filled({1, 2}, 0);
    ops_.adamw(rig_.exec(), p, m, v, rig_.filled({2}, 1),
               rig_.tensor(DType::i64, {1, kUpdateColumns}, Values{1, 1, 0, 0, 0, 0, 0}), norms,
               rig_.state(state), {});
    for (const double norm : rig_.read(norms)) EXPECT_EQ(norm > 0, state.output.skip == 0);
    return rig_.read(p);
  };
  StepState state;
  state.input.lr = 0.1;
  state.n_update = 1;
  EXPECT_LT(run_on_two(state)[0], 1);
  EXPECT_EQ(run_on_two(state)[1], 1);
  state.output.skip = 1;
  EXPECT_EQ(run_on_two(state)[0], 1);
}

TEST_F(Reference, cast_rounds_to_nearest_even_bf16) {
  // bf16 has 8 significant bits: 257 lies between 256 and 258, 259 between 258 and 260.
  const TensorView half = rig_.fresh(DType::bf16, {4}), back = rig_.fresh({4});
  ops_.cast(rig_.exec(), half, rig_.tensor({4}, Values{257, 259, -0.5, kNaN}));
  ops_.cast(rig_.exec(), back, half);
  const Values out = rig_.read(back);
  EXPECT_THAT(Values(out.begin(), out.begin() + 3), ElementsAre(256, 260, -0.5));
  EXPECT_TRUE(std::isnan(out[3]));
}

TEST_F(Reference, accumulate_adds) {
  const TensorView out = rig_.tensor({2}, Values{1, 2});
  ops_.accumulate(rig_.exec(), out, rig_.tensor({2}, Values{10, 20}));
  EXPECT_THAT(rig_.read(out), ElementsAre(11, 22));
}

}  // namespace
}  // namespace isoflop
