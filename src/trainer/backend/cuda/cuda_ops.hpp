// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/backend.hpp"
#include "trainer/backend/cuda/cuda_device.hpp"
#include "trainer/backend/cuda/flash_attention.hpp"
#include "trainer/backend/cuda/matmul.hpp"
#include "trainer/backend/ops.hpp"

namespace isoflop {

/// Ops on a CudaDevice: cuBLASLt products, cuDNN attention, kernels of our own for the rest. One
/// file per op; kernels compute in f32 whatever the operands' dtype.
class CudaOps final : public Ops {
 public:
  CudaOps(CudaDevice& device, DType compute, const CudaBackendOptions& options)
      : device_(device),
        compute_(compute),
        fuse_gelu_(options.fuse_gelu),
        matmul_(device),
        flash_attention_(device, options.deterministic) {}

  int64_t prepare(const ModelShape& shape, const BatchShape& batch) override;
  int64_t prepare_update(const ModelShape& shape, OptimizerKind optimizer,
                         std::span<const MuonBatch> batches) override;
  AlgorithmChoice choose_algorithms(const std::string& known) override {
    return matmul_.choose(known);
  }
  void use_algorithms(const std::string& table) override { matmul_.use(table); }
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
  void linear_activation_forward(const Exec& exec, TensorView out, TensorView in, TensorView x,
                                 TensorView w, TensorView bias, Activation activation) override;
  void linear_activation_backward(const Exec& exec, TensorView d_in, TensorView d_out, TensorView w,
                                  TensorView in, Activation activation) override;
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
  void muon_update_batch(const Exec& exec, std::span<const MuonOperands> matrices,
                         const StepState* state, const MuonParams& params) override;
  void apply_updates(const Exec& exec, TensorView params, TensorView updates, TensorView segments,
                     TensorView norms, const StepState* state, double weight_decay) override;
  void update_loss_scale(const Exec& exec, StepState* state,
                         const LossScaleParams& params) override;
  void accumulate(const Exec& exec, TensorView out, TensorView in) override;
  void cast(const Exec& exec, TensorView out, TensorView in) override;

 private:
  /// Plans attention and returns its scratch.
  int64_t prepare_attention(const ModelShape& shape, const BatchShape& batch);
  /// automatic: cuDNN's, which has neither f32 nor our dropout.
  AttentionBackend attention_backend(AttentionBackend backend, bool has_dropout) const;
  /// Whether products are to end with that activation.
  bool fuses(Activation activation, DType dtype, int64_t d_ff) const;

  const CudaDevice& device_;
  DType compute_;  ///< of activations and parameters in use
  bool fuse_gelu_;
  MatmulPlans matmul_;
  FlashAttention flash_attention_;
};

}  // namespace isoflop
