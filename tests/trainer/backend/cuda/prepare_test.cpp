// SPDX-License-Identifier: MIT
#include "core/base/error.hpp"
#include "core/model/parameter_list.hpp"
#include "core/parallel/gpu_scratch.hpp"
#include "on_emulated_gpu.hpp"
#include "support/published_shapes.hpp"

#include <gtest/gtest.h>

#include <cstdint>

namespace isoflop {
namespace {

constexpr int64_t kBatch = 2;
constexpr int64_t kSeqLen = 33;
constexpr int64_t kRows = kBatch * kSeqLen;

/// A model with biases everywhere: the more scratch.
ModelShape small_model() {
  ModelShape shape;
  shape.n_layer = 2;
  shape.d_model = 64;
  shape.n_head = 4;
  shape.n_kv_head = 2;
  shape.d_head = 16;
  shape.d_ff = 96;
  shape.vocab_size = 300;
  shape.max_seq_len = kSeqLen;
  shape.norm = NormKind::layernorm;
  shape.qkv_bias = shape.attention_out_bias = shape.ffn_bias = true;
  return shape;
}

void run_embedding(OpRig& rig, const ModelShape& shape) {
  rig.ops().embedding_backward(rig.exec(),
                               rig.filled(DType::f32, {shape.vocab_size, shape.d_model}, 0), {},
                               rig.filled(DType::i32, {kBatch, kSeqLen}, 7),
                               rig.filled({kBatch, kSeqLen, shape.d_model}, 1));
}

void run_norm(OpRig& rig, const ModelShape& shape) {
  const int64_t C = shape.d_model;
  rig.ops().norm_backward(rig.exec(), rig.filled({kRows, C}, 0), rig.filled(DType::f32, {C}, 0),
                          rig.filled(DType::f32, {C}, 0), rig.filled({kRows, C}, 1),
                          rig.filled({kRows, C}, 1), rig.filled(DType::f32, {kRows, 2}, 1),
                          rig.filled({C}, 1), {shape.norm, shape.norm_eps});
}

void run_widest_linear(OpRig& rig, const ModelShape& shape) {
  const int64_t N = shape.ffn_in_width(), K = shape.d_model;
  const TensorView w = rig.filled({N, K}, 1), x = rig.filled({kRows, K}, 1);
  const TensorView out = rig.fresh({kRows, N});
  rig.ops().linear_forward(rig.exec(), out, x, w, rig.filled({N}, 1));
  rig.ops().linear_backward_input(rig.exec(), rig.fresh({kRows, K}), out, w);
  rig.ops().linear_backward_weight(rig.exec(), rig.filled(DType::f32, {N, K}, 0),
                                   rig.filled(DType::f32, {N}, 0), out, x, Accumulate::yes);
}

void run_attention(OpRig& rig, const ModelShape& shape) {
  const AttentionShape heads{shape.n_head, shape.n_kv_head, shape.d_head};
  const TensorView qkv =
      rig.filled({kBatch, kSeqLen, heads.n_head + 2 * heads.n_kv_head, heads.d_head}, 1);
  const TensorView out = rig.fresh({kBatch, kSeqLen, heads.n_head, heads.d_head});
  const TensorView lse = rig.fresh(DType::f32, {kBatch, heads.n_head, kSeqLen});
  rig.ops().attention_forward(rig.exec(), out, lse, qkv, {heads});
  rig.ops().attention_backward(rig.exec(), rig.fresh(qkv.shape), rig.fresh(lse.dtype, lse.shape),
                               rig.filled(out.shape, 1), qkv, out, lse, {heads});
}

void run_head(OpRig& rig, const ModelShape& shape) {
  const int64_t C = shape.d_model, V = shape.vocab_size;
  rig.ops().head_loss(rig.exec(), rig.filled(DType::f64, {2}, 0), rig.fresh({kRows, C}),
                      rig.filled(DType::f32, {V, C}, 0), rig.fresh(DType::f32, {64, V}),
                      rig.filled({kRows, C}, 1), rig.filled({V, C}, 1),
                      rig.filled(DType::i32, {kRows}, 3), {.grad_scale = 1.0});
}

void run_statistics(OpRig& rig, const ModelShape& shape) {
  int64_t n = 0;
  for (const ParameterUnit& unit : parameter_units(shape))
    n += static_cast<int64_t>(unit.tensors.size());
  rig.ops().segment_statistics(rig.exec(), rig.fresh(DType::f64, {n, 3}),
                               rig.fresh(DType::f64, {n, 2}), rig.filled(DType::f32, {10}, 1),
                               rig.filled(DType::i64, {n, 2}, 0));
}

TEST(CudaPrepare, its_scratch_is_enough_for_every_op) {
  const ModelShape shape = small_model();
  for (const Precision precision : {Precision::fp32, Precision::bf16})
    on_emulated_gpu(precision, [&](OpRig& rig) {
      const int64_t bytes = rig.ops().prepare(shape, {kBatch, kSeqLen});
      for (const auto run :
           {run_embedding, run_norm, run_widest_linear, run_attention, run_head, run_statistics}) {
        run(rig, shape);
        EXPECT_LE(rig.arena_peak(), bytes);
      }
      EXPECT_GT(rig.arena_peak(), 0);
      rig.clear();
    });
}

// The planner counts at least what the trainer takes, as far as the emulated libraries' small plans
// tell; what real plans of attention take is held to it by deviceless/.
TEST(CudaPrepare, the_planner_counts_no_less) {
  for (const ModelShape& shape : {small_model(), test::gpt2_124m(), test::llama3_8b()})
    for (const int64_t seq_len : {33, 1024, 8192})
      for (const Precision precision : {Precision::fp32, Precision::bf16})
        emulation::run_ranks({}, [&](int) {
          const Backend backend = make_cuda_backend({.precision = precision});
          EXPECT_LE(backend.ops->prepare(shape, {4, seq_len}),
                    gpu_scratch_bytes(shape, 4, seq_len, precision, *backend.gpu))
              << shape.name << ' ' << seq_len << ' ' << to_string(precision);
        });
}

TEST(CudaPrepare, heads_too_wide_for_fp32_are_refused_at_the_start) {
  ModelShape shape = small_model();
  shape.d_head = 320;
  on_emulated_gpu(Precision::fp32, [&](OpRig& rig) {
    EXPECT_THROW(rig.ops().prepare(shape, {kBatch, kSeqLen}), ConfigError);
  });
}

}  // namespace
}  // namespace isoflop
