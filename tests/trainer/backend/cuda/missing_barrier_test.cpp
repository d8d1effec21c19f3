// SPDX-License-Identifier: MIT
// Kernels whose threads hand values to one another, with one barrier taken out: each must be found
// to race.
#include "on_emulated_gpu.hpp"
#include "trainer/backend/cuda/cross_entropy.hpp"
#include "trainer/backend/update_segment.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <ostream>
#include <stdexcept>
#include <string>
#include <vector>

namespace isoflop {
namespace {

struct Case {
  std::string kernel;
  int64_t barrier;  ///< in the order in which a thread meets them
  void (*run)(OpRig& rig);
};

void PrintTo(const Case& parameter, std::ostream* out) {
  *out << parameter.kernel << " without barrier " << parameter.barrier;
}

void run_embedding(OpRig& rig) {
  std::vector<double> tokens;
  for (int i = 0; i < 200; ++i) tokens.push_back(i * 53 % 300);
  rig.ops().embedding_backward(rig.exec(), rig.filled(DType::f32, {300, 4}, 0), {},
                               rig.tensor(DType::i32, {2, 100}, tokens),
                               rig.filled({2, 100, 4}, 1));
}

void run_attention(OpRig& rig) {
  const AttentionShape heads{2, 1, 8};
  const TensorView qkv = rig.filled({1, 40, 4, 8}, 1), out = rig.fresh({1, 40, 2, 8});
  const TensorView lse = rig.fresh({1, 2, 40});
  rig.ops().attention_forward(rig.exec(), out, lse, qkv, {heads});
  rig.ops().attention_backward(rig.exec(), rig.fresh(qkv.shape), rig.fresh(lse.shape),
                               rig.filled(out.shape, 1), qkv, out, lse, {heads});
}

void run_manual_attention(OpRig& rig) {
  const AttentionShape heads{2, 1, 8};
  const AttentionParams params{heads, AttentionBackend::manual};
  const TensorView qkv = rig.filled({1, 40, 4, 8}, 1), out = rig.fresh({1, 40, 2, 8});
  const TensorView probabilities = rig.fresh({1, 2, 40, 40});
  rig.ops().attention_forward(rig.exec(), out, probabilities, qkv, params);
  rig.ops().attention_backward(rig.exec(), rig.fresh(qkv.shape), rig.fresh(probabilities.shape),
                               rig.filled(out.shape, 1), qkv, out, probabilities, params);
}

/// In bf16, where gradients land on logits that other threads read.
void run_cross_entropy(OpRig& rig) {
  constexpr int64_t V = 1031;
  cross_entropy_with_gradient(rig.exec(),
                              {.losses = rig.fresh({2}).as<float>(),
                               .z_losses = rig.fresh({2}).as<float>(),
                               .logits = rig.filled({2, V}, 1).as<float>(),
                               .targets = rig.filled(DType::i32, {2}, 5).as<int32_t>(),
                               .n = 2,
                               .vocab_size = V},
                              DType::bf16, {.grad_scale = 1});
}

/// What is found when ops run on a damaged GPU.
std::string race_without(const emulation::Faults& faults, void (*run)(OpRig& rig)) {
  emulation::set_faults(faults);
  try {
    emulation::run_ranks({}, [&](int) {
      OpRig rig(make_cuda_backend({.precision = Precision::fp32}));
      run(rig);
      rig.clear();
    });
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

class MissingBarrier : public testing::TestWithParam<Case> {};

TEST_P(MissingBarrier, is_found_as_a_race) {
  const auto& [kernel, barrier, run_ops] = GetParam();
  EXPECT_THAT(race_without({.drop_barrier_of = kernel, .drop_barrier = barrier}, run_ops),
              testing::ContainsRegex("kernel " + kernel + ": threads .* race"));
}

// token_sort: behind the counts, behind the places, behind a pass. Attention: behind a tile that is
// written, before the next one. cross_entropy: of a reduction, and of the first stripe.
INSTANTIATE_TEST_SUITE_P(
    Kernels, MissingBarrier,
    testing::Values(Case{"token_sort", 0, run_embedding}, Case{"token_sort", 7, run_embedding},
                    Case{"token_sort", 8, run_embedding},
                    Case{"tiled_attention_forward", 1, run_attention},
                    Case{"tiled_attention_forward", 2, run_attention},
                    Case{"tiled_attention_d_query", 1, run_attention},
                    Case{"tiled_attention_d_query", 2, run_attention},
                    Case{"tiled_attention_d_key_value", 1, run_attention},
                    Case{"tiled_attention_d_key_value", 2, run_attention},
                    Case{"attention_softmax", 1, run_manual_attention},
                    Case{"attention_softmax", 3, run_manual_attention},
                    Case{"attention_softmax_backward", 1, run_manual_attention},
                    Case{"cross_entropy", 1, run_cross_entropy},
                    Case{"cross_entropy", 4, run_cross_entropy}));

/// Of segments without an element: no block has one.
void run_statistics(OpRig& rig) {
  rig.ops().segment_statistics(rig.exec(), rig.fresh(DType::f64, {3, 3}),
                               rig.fresh(DType::f64, {3, 2}), rig.filled(DType::f32, {10}, 1),
                               rig.filled(DType::i64, {3, 2}, 0));
}

struct UpdateTensors {
  explicit UpdateTensors(OpRig& rig)
      : params(rig.filled(DType::f32, {10}, 1)),
        grads(rig.filled(DType::f32, {10}, 1)),
        m(rig.filled(DType::f32, {10}, 1)),
        v(rig.filled(DType::f32, {10}, 1)),
        segments(rig.filled(DType::i64, {1, kUpdateColumns}, 0)),
        norms(rig.filled(DType::f64, {1, 2}, 0)),
        state(rig.state({})) {}
  TensorView params, grads, m, v, segments, norms;
  StepState* state;
};

void run_adamw(OpRig& rig) {
  const UpdateTensors of(rig);
  rig.ops().adamw(rig.exec(), of.params, of.m, of.v, of.grads, of.segments, of.norms, of.state, {});
}

void run_apply_updates(OpRig& rig) {
  const UpdateTensors of(rig);
  rig.ops().apply_updates(rig.exec(), of.params, of.grads, of.segments, of.norms, of.state, 0.1);
}

class IdleBlocks : public testing::TestWithParam<Case> {};

// What no thread meets nobody misses.
TEST_P(IdleBlocks, meet_no_barrier) {
  const auto& [kernel, barrier, run_ops] = GetParam();
  EXPECT_EQ(race_without({.drop_barrier_of = kernel, .drop_barrier = barrier}, run_ops), "");
}

INSTANTIATE_TEST_SUITE_P(Kernels, IdleBlocks,
                         testing::Values(Case{"statistics_of_parts", 1, run_statistics},
                                         Case{"adamw", 0, run_adamw}, Case{"adamw", 2, run_adamw},
                                         Case{"apply_updates", 1, run_apply_updates}));

}  // namespace
}  // namespace isoflop
