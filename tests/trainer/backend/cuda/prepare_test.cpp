// SPDX-License-Identifier: MIT
#include "core/base/error.hpp"
#include "core/model/parameter_list.hpp"
#include "core/parallel/gpu_scratch.hpp"
#include "core/parallel/muon_owners.hpp"
#include "on_emulated_gpu.hpp"
#include "support/published_shapes.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

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
  const bool manual = shape.attention_backend == AttentionBackend::manual;
  const AttentionParams params{
      heads,
      shape.attention_backend,
      {.rate = shape.dropout, .first_sample = rig.filled(DType::i64, {1}, 0), .seq_len = kSeqLen}};
  const TensorView qkv =
      rig.filled({kBatch, kSeqLen, heads.n_head + 2 * heads.n_kv_head, heads.d_head}, 1);
  const TensorView out = rig.fresh({kBatch, kSeqLen, heads.n_head, heads.d_head});
  const TensorView stats = manual ? rig.fresh({kBatch, heads.n_head, kSeqLen, kSeqLen})
                                  : rig.fresh(DType::f32, {kBatch, heads.n_head, kSeqLen});
  rig.ops().attention_forward(rig.exec(), out, stats, qkv, params);
  rig.ops().attention_backward(rig.exec(), rig.fresh(qkv.shape),
                               rig.fresh(stats.dtype, stats.shape), rig.filled(out.shape, 1), qkv,
                               out, stats, params);
}

void run_qk_norm(OpRig& rig, const ModelShape& shape) {
  const AttentionShape heads{shape.n_head, shape.n_kv_head, shape.d_head};
  const int64_t n_normed = heads.n_head + heads.n_kv_head;
  const Extents packed{kBatch, kSeqLen, n_normed + heads.n_kv_head, heads.d_head};
  const TensorView weight = rig.filled({heads.d_head}, 1);
  const auto sums = [&] { return rig.filled(DType::f32, {heads.d_head}, 0); };
  rig.ops().qk_norm_backward(rig.exec(), rig.filled(packed, 1), {sums(), sums(), sums(), sums()},
                             rig.filled({kRows, n_normed, heads.d_head}, 1),
                             rig.filled(DType::f32, {kRows, n_normed, 2}, 1),
                             {weight, weight, weight, weight}, heads, {shape.norm, shape.norm_eps});
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

/// Plain, and with everything that takes scratch of its own.
std::vector<ModelShape> small_models() {
  ModelShape manual = small_model();
  manual.attention_backend = AttentionBackend::manual;
  manual.dropout = 0.1;
  manual.qk_norm = true;
  manual.d_ff = 16;  // so that attention decides
  return {small_model(), manual};
}

TEST(CudaPrepare, its_scratch_is_enough_for_every_op) {
  for (const ModelShape& shape : small_models())
    for (const Precision precision : {Precision::fp32, Precision::bf16})
      on_emulated_gpu(precision, [&](OpRig& rig) {
        const int64_t bytes = rig.ops().prepare(shape, {kBatch, kSeqLen});
        for (const auto run : {run_embedding, run_norm, run_widest_linear, run_attention,
                               run_qk_norm, run_head, run_statistics}) {
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
  std::vector<ModelShape> shapes = small_models();
  shapes.insert(shapes.end(), {test::gpt2_124m(), test::llama3_8b()});
  for (const ModelShape& shape : shapes)
    for (const int64_t seq_len : {33, 1024, 8192})
      for (const Precision precision : {Precision::fp32, Precision::bf16})
        emulation::run_ranks({}, [&](int) {
          const Backend backend = make_cuda_backend({.precision = precision});
          EXPECT_LE(backend.ops->prepare(shape, {4, seq_len}),
                    gpu_scratch_bytes(shape, 4, seq_len, precision, *backend.gpu))
              << shape.name << ' ' << seq_len << ' ' << to_string(precision);
        });
}

void run_muon(OpRig& rig, const MuonBatch& batch) {
  StepState state;
  std::vector<MuonOperands> matrices;
  for (int64_t i = 0; i < batch.count; ++i) {
    const TensorView grad = rig.filled(DType::f32, {batch.rows, batch.cols}, 1);
    matrices.push_back({grad, rig.filled(DType::f32, {batch.rows, batch.cols}, 0), grad});
  }
  rig.ops().muon_update_batch(rig.exec(), matrices, rig.state(state), {});
}

TEST(CudaPrepare, its_scratch_is_enough_for_muon) {
  const ModelShape shape = small_model();
  for (const Precision precision : {Precision::fp32, Precision::bf16})
    on_emulated_gpu(precision, [&](OpRig& rig) {
      const MuonBatch batches[] = {{shape.d_ff, shape.d_model, 3}, {shape.d_model, shape.d_ff, 2}};
      const int64_t bytes = rig.ops().prepare_update(shape, OptimizerKind::muon, batches);
      for (const MuonBatch& batch : batches) run_muon(rig, batch);
      EXPECT_LE(rig.arena_peak(), bytes);
      EXPECT_GT(rig.arena_peak(), bytes / 2);
      rig.clear();
    });
}

TEST(CudaPrepare, the_planner_counts_no_less_for_the_update) {
  for (const ModelShape& shape : {small_model(), test::gpt2_124m(), test::llama3_8b()})
    for (const Precision precision : {Precision::fp32, Precision::bf16, Precision::fp16})
      for (const OptimizerKind optimizer : {OptimizerKind::adamw, OptimizerKind::muon})
        emulation::run_ranks({}, [&](int) {
          const Backend backend = make_cuda_backend({.precision = precision});
          const auto batches = muon_batches(make_flat_layout(shape, 1), 2, kGpuMuonGroupSize);
          EXPECT_LE(backend.ops->prepare_update(shape, optimizer, batches),
                    gpu_update_scratch_bytes(shape, optimizer, precision, batches))
              << shape.name << ' ' << to_string(precision);
        });
}

TEST(CudaPrepare, heads_too_wide_for_tiles_are_refused_at_the_start) {
  ModelShape shape = small_model();
  shape.d_head = 320;
  on_emulated_gpu(Precision::fp32, [&](OpRig& rig) {
    EXPECT_THROW(rig.ops().prepare(shape, {kBatch, kSeqLen}), ConfigError);
    shape.attention_backend = AttentionBackend::manual;
    EXPECT_NO_THROW(rig.ops().prepare(shape, {kBatch, kSeqLen}));
    shape.attention_backend = AttentionBackend::automatic;
  });
}

}  // namespace
}  // namespace isoflop
