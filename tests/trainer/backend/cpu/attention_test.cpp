// SPDX-License-Identifier: MIT
#include "../op_rig.hpp"
#include "core/parallel/cpu_scratch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace isoflop {
namespace {

TEST(CpuAttention, scores_of_any_size_stay_finite) {
  // One key scores 1e4 x 1e4 / sqrt(8) above the other: e^score would overflow.
  OpRig rig(make_cpu_backend({}));
  const AttentionShape heads{1, 1, 8};
  std::vector<double> values(2 * 3 * 8, 1.0);
  for (int i = 0; i < 8; ++i) values[24 + static_cast<std::size_t>(i)] = 1e4;  // query of t = 1
  for (int i = 8; i < 16; ++i) values[static_cast<std::size_t>(i)] = 1e4;      // key of t = 0
  for (int i = 16; i < 24; ++i) values[static_cast<std::size_t>(i)] = 5;       // value of t = 0
  const TensorView out = rig.fresh({1, 2, 1, 8}), lse = rig.fresh({1, 1, 2});
  rig.ops().attention_forward(rig.exec(), out, lse, rig.tensor({1, 2, 3, 8}, values), {heads});
  EXPECT_THAT(rig.read(out), testing::Each(testing::DoubleNear(5.0, 1e-5)));
  EXPECT_NEAR(rig.read(lse)[1] / (8e8 / std::sqrt(8.0)), 1, 1e-6);
}

/// Forward and backward of two sequences of 200 tokens: output, statistics and gradient, one after
/// the other.
std::vector<double> run(OpRig& rig, const AttentionShape& heads, AttentionBackend backend,
                        double dropout) {
  constexpr int64_t B = 2, T = 200;
  const bool manual = backend == AttentionBackend::manual;
  const Extents shape{B, T, heads.n_head + 2 * heads.n_kv_head, heads.d_head};
  const Extents out_shape{B, T, heads.n_head, heads.d_head};
  const std::vector<double> first_sample = {7};
  const AttentionParams params{
      heads, backend, {dropout, 3, rig.tensor(DType::i64, {1}, first_sample), T, 1}};
  const TensorView qkv = rig.tensor(shape, random_values(shape.product(), 1));
  const TensorView d_out = rig.tensor(out_shape, random_values(out_shape.product(), 2));
  const TensorView out = rig.fresh(out_shape), d_qkv = rig.fresh(shape);
  const TensorView stats =
      manual ? rig.fresh({B, heads.n_head, T, T}) : rig.fresh(DType::f32, {B, heads.n_head, T});
  const TensorView scratch = rig.fresh(stats.dtype, stats.shape);
  rig.ops().attention_forward(rig.exec(), out, stats, qkv, params);
  rig.ops().attention_backward(rig.exec(), d_qkv, scratch, d_out, qkv, out, stats, params);
  std::vector<double> results = rig.read(out);
  for (const TensorView& more : {stats, d_qkv})
    for (const double value : rig.read(more)) results.push_back(value);
  return results;
}

std::vector<double> run_on(int n_threads, Precision precision, const AttentionShape& heads) {
  OpRig rig(make_cpu_backend({.n_threads = n_threads}, precision));
  return run(rig, heads, AttentionBackend::sdpa, 0);
}

// One thread takes whole heads; more take pairs of tiles where heads are too few for them.
TEST(CpuAttention, bits_do_not_depend_on_the_number_of_threads) {
  for (const AttentionShape heads : {AttentionShape{1, 1, 8}, {4, 2, 24}, {9, 9, 8}}) {
    for (const Precision precision : {Precision::fp32, Precision::bf16, Precision::fp16}) {
      const auto alone = run_on(1, precision, heads);
      for (const int n_threads : {2, 3, 7})
        EXPECT_EQ(run_on(n_threads, precision, heads), alone)
            << heads.n_head << " heads, " << n_threads << " threads";
    }
  }
}

/// What attention may take of the arena beside the products.
int64_t attention_scratch_bytes(const AttentionShape& heads, AttentionBackend backend,
                                double dropout, Precision precision) {
  ModelShape shape;
  shape.n_head = heads.n_head;
  shape.n_kv_head = heads.n_kv_head;
  shape.d_head = heads.d_head;
  shape.attention_backend = backend;
  shape.dropout = dropout;
  return cpu_attention_bytes(shape, 200, precision);
}

TEST(CpuAttention, scratch_is_what_the_memory_model_counts) {
  const AttentionShape heads{4, 2, 32};
  for (const Precision precision : {Precision::fp32, Precision::bf16}) {
    for (const AttentionBackend backend : {AttentionBackend::sdpa, AttentionBackend::manual}) {
      for (const double dropout : {0.0, 0.1}) {
        OpRig rig(make_cpu_backend({}, precision));
        run(rig, heads, backend, dropout);
        EXPECT_EQ(rig.arena_peak(), attention_scratch_bytes(heads, backend, dropout, precision))
            << to_string(precision) << " dropout " << dropout;
      }
    }
  }
}

}  // namespace
}  // namespace isoflop
