// SPDX-License-Identifier: MIT
#pragma once

#include "core/hardware/precision.hpp"
#include "core/parallel/cpu_scratch.hpp"
#include "trainer/backend/cpu/matmul.hpp"
#include "trainer/backend/cpu/rope_table.hpp"
#include "trainer/backend/cpu/thread_sums.hpp"
#include "trainer/backend/ops.hpp"

#include <initializer_list>
#include <vector>

namespace isoflop {

/// Sums over tokens.
struct HeadLosses {
  double cross_entropy = 0;
  double z_loss = 0;
  HeadLosses& operator+=(const HeadLosses& other) {
    cross_entropy += other.cross_entropy;
    z_loss += other.z_loss;
    return *this;
  }
};

/// Fast ops for a CpuDevice: oneDNN matrix products, vector kernels, OpenMP threads over rows. The
/// arena's scratch is what core/parallel/cpu_scratch says; tiles live on the threads' stacks (under
/// 1 MiB). Calls with the same operands and number of threads give the same bits. One file per op.
class CpuOps final : public Ops {
 public:
  explicit CpuOps(int n_threads, Precision precision = Precision::fp32)
      : precision_(precision),
        partial_losses_(static_cast<std::size_t>(n_threads)),
        parameter_sums_(n_threads) {}

  int64_t prepare(const ModelShape& shape, const BatchShape& batch) override {
    return cpu_scratch_bytes(shape, batch.seq_len, precision_);
  }
  int64_t prepare_update(const ModelShape& shape, OptimizerKind optimizer,
                         std::span<const MuonBatch> batches) override;
  void embedding_forward(const Exec& exec, TensorView out, TensorView tokens, TensorView wte,
                         TensorView wpe) override;
  void embedding_backward(const Exec& exec, TensorView d_wte, TensorView d_wpe, TensorView tokens,
                          TensorView d_out) override;
  void linear_forward(const Exec& exec, TensorView out, TensorView x, TensorView w,
                      TensorView bias) override;
  void linear_backward_input(const Exec& exec, TensorView d_x, TensorView d_out,
                             TensorView w) override;
  void linear_backward_weight(const Exec& exec, TensorView d_w, TensorView d_bias, TensorView d_out,
                              TensorView x, Accumulate into_d_w) override;
  void residual_norm_forward(const Exec& exec, TensorView residual, TensorView out,
                             TensorView stats, TensorView residual_in, TensorView delta,
                             TensorView weight, TensorView bias, const NormParams& params) override;
  void norm_backward(const Exec& exec, TensorView d_residual, TensorView d_weight,
                     TensorView d_bias, TensorView d_out, TensorView residual, TensorView stats,
                     TensorView weight, const NormParams& params) override;
  void rope(const Exec& exec, TensorView qkv, const AttentionShape& heads, double theta,
            RopeDirection direction) override;
  void qk_norm_forward(const Exec& exec, TensorView qkv, TensorView qk, TensorView stats,
                       const QkNormTensors& weights, const AttentionShape& heads,
                       const NormParams& params) override;
  void qk_norm_backward(const Exec& exec, TensorView d_qkv, const QkNormTensors& d_weights,
                        TensorView qk, TensorView stats, const QkNormTensors& weights,
                        const AttentionShape& heads, const NormParams& params) override;
  void attention_forward(const Exec& exec, TensorView out, TensorView stats, TensorView qkv,
                         const AttentionParams& params) override;
  void attention_backward(const Exec& exec, TensorView d_qkv, TensorView scratch, TensorView d_out,
                          TensorView qkv, TensorView out, TensorView stats,
                          const AttentionParams& params) override;
  void dropout(const Exec& exec, TensorView out, TensorView in, const Dropout& params) override;
  void activation_forward(const Exec& exec, TensorView out, TensorView in, Activation activation,
                          FfnType ffn) override;
  void activation_backward(const Exec& exec, TensorView d_in, TensorView d_out, TensorView in,
                           Activation activation, FfnType ffn) override;
  void head_loss(const Exec& exec, TensorView loss_sums, TensorView d_x, TensorView d_w,
                 TensorView logits, TensorView x, TensorView w, TensorView targets,
                 const HeadLossParams& params) override;
  void head_logits(const Exec& exec, TensorView logits, TensorView x, TensorView w) override;
  void segment_statistics(const Exec& exec, TensorView sums, TensorView extremes, TensorView flat,
                          TensorView segments) override;
  void clip_by_global_norm(const Exec& exec, StepState* state, TensorView sums,
                           double max_norm) override;
  void adamw(const Exec& exec, TensorView params, TensorView m, TensorView v, TensorView grads,
             TensorView segments, TensorView norms, const StepState* state,
             const AdamWParams& params_of_adamw) override;
  void muon_update(const Exec& exec, TensorView update, TensorView momentum, TensorView grad,
                   const StepState* state, const MuonParams& params) override;
  void apply_updates(const Exec& exec, TensorView params, TensorView updates, TensorView segments,
                     TensorView norms, const StepState* state, double weight_decay) override;
  void update_loss_scale(const Exec& exec, StepState* state,
                         const LossScaleParams& params) override;
  void accumulate(const Exec& exec, TensorView out, TensorView in) override;
  void cast(const Exec& exec, TensorView out, TensorView in) override;

 private:
  Precision precision_;
  MatmulCache matmul_;
  RopeTables rope_tables_;
  std::vector<HeadLosses> partial_losses_;  ///< one per thread
  ThreadSums parameter_sums_;               ///< of the norms' gradients
};

}  // namespace isoflop
