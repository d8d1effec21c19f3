// SPDX-License-Identifier: MIT
#pragma once

#include "core/model/model_shape.hpp"
#include "core/parallel/optimizer_state.hpp"
#include "trainer/backend/accumulate.hpp"
#include "trainer/backend/algorithm_choice.hpp"
#include "trainer/backend/device.hpp"
#include "trainer/backend/dropout.hpp"
#include "trainer/backend/step_state.hpp"

#include <cstdint>
#include <span>

namespace isoflop {

struct MuonBatch;

/// Heads of packed queries, keys and values: (B, T, n_head + 2 n_kv_head, d_head), queries first,
/// then keys, then values.
struct AttentionShape {
  int64_t n_head = 0;
  int64_t n_kv_head = 0;
  int64_t d_head = 0;
};

/// A micro batch as the ops see it.
struct BatchShape {
  int64_t n_sequence = 0;
  int64_t seq_len = 0;
  bool has_first_keys = false;  ///< AttentionParams::first_keys
};

enum class RopeDirection { forward, backward };

struct NormParams {
  NormKind kind = NormKind::rmsnorm;
  double eps = 1e-5;
};

/// The keys' and queries' own norms (over d_head), or their gradients; biases are none where the
/// kind has none.
struct QkNormTensors {
  TensorView q_weight = {}, q_bias = {}, k_weight = {}, k_bias = {};  // (d_head)
};

struct AttentionParams {
  AttentionShape heads;
  AttentionBackend backend = AttentionBackend::sdpa;
  Dropout dropout = {};  ///< of the probabilities
  /// (B, T) i32: the first key that each query sees, in [0, t] and never falling within a sequence;
  /// none: 0.
  TensorView first_keys = {};
};

struct HeadLossParams {
  double grad_scale = 0;
  double z_loss = 0;  ///< coefficient of log(Z)^2, Z the denominator of softmax
  /// Where the loss scale is read that gradients are multiplied by; none: 1.
  const StepState* state = nullptr;
  Accumulate into_d_w = Accumulate::yes;
};

/// Muon (Jordan et al. 2024) in the scaling of Liu et al., arXiv:2502.16982, section 2.2: the
/// orthogonalised update of a (rows, cols) matrix is multiplied by 0.2 sqrt(max(rows, cols)), the
/// root mean square of AdamW's, so that both take one learning rate and weight decay.
struct MuonParams {
  double momentum = 0.95;
  bool nesterov = true;
  int n_iteration = 5;  ///< of Newton-Schulz
};

/// Of Ops::muon_update().
struct MuonOperands {
  TensorView update, momentum, grad;
};

/// Dynamic loss scaling (Micikevicius et al., arXiv:1710.03740, section 3.2).
struct LossScaleParams {
  double growth = 2;
  double backoff = 0.5;
  int64_t growth_interval = 2000;  ///< steps without overflow before the scale grows
};

struct AdamWParams {
  double beta1 = 0.9;
  double beta2 = 0.95;
  double eps = 1e-8;
  double weight_decay = 0.1;
};

/// The closed list of device operations, at fused granularity. Every op enqueues on exec.stream and
/// returns; it writes only the views it is given, takes scratch only from exec.arena, never
/// allocates, never makes the host wait and never returns a host value. Outputs come first. "+="
/// marks outputs that are accumulated into. C = d_model, V = vocab_size, M = B T rows. Activations
/// share one compute dtype; gradients of parameters, statistics and optimizer state are f32 (f64 in
/// the reference). All reductions have a fixed order: the same call gives the same bits (of
/// attention_backward on GPUs only with CudaBackendOptions::deterministic).
class Ops {
 public:
  virtual ~Ops() = default;

  /// Makes ready what a step on micro batches of that shape needs (plans of matrix
  /// products and of attention) and returns the bytes of arena scratch that its most demanding op
  /// takes. Called at start-up. Throws ConfigError for a shape that this device has no kernel for.
  virtual int64_t prepare(const ModelShape& shape, const BatchShape& batch) = 0;
  /// The same for the update, when the arena holds no activations: the optimizer may have taken
  /// buffers of its own. `batches`: what muon_update_batch() will get.
  virtual int64_t prepare_update(const ModelShape& shape, OptimizerKind optimizer,
                                 std::span<const MuonBatch> batches) = 0;

  /// Where a library offers several algorithms for what was prepared: which of them to use, those
  /// of `known` (such a table, of an earlier start) where this device and library still have them,
  /// the others by timing. Takes memory while it lasts, no more than what was prepared takes with
  /// its operands, and waits for the device: to be called before training allocates. Nothing
  /// changes before use_algorithms(), then maybe what prepare() returns.
  virtual AlgorithmChoice choose_algorithms(const std::string& /*known*/) { return {}; }
  /// By a table that choose_algorithms() made on this or another rank: so that all compute alike.
  /// Throws ConfigError when it is not for this device or for something else that was prepared.
  virtual void use_algorithms(const std::string& /*table*/) {}

  /// out (B, T, C) = wte[tokens] + wpe[0..T); wpe (max_seq_len, C) may be none. tokens (B, T) i32.
  virtual void embedding_forward(const Exec& exec, TensorView out, TensorView tokens,
                                 TensorView wte, TensorView wpe) = 0;
  /// d_wte (V, C) +=, d_wpe +=.
  virtual void embedding_backward(const Exec& exec, TensorView d_wte, TensorView d_wpe,
                                  TensorView tokens, TensorView d_out) = 0;

  /// out (M, N) = x (M, K) w^T + bias; w (N, K), bias (N) may be none.
  virtual void linear_forward(const Exec& exec, TensorView out, TensorView x, TensorView w,
                              TensorView bias) = 0;
  /// d_x (M, K) = d_out (M, N) w.
  virtual void linear_backward_input(const Exec& exec, TensorView d_x, TensorView d_out,
                                     TensorView w) = 0;
  /// d_w (N, K) += d_out^T x (Accumulate::no: =); d_bias (N) += column sums, may be none.
  virtual void linear_backward_weight(const Exec& exec, TensorView d_w, TensorView d_bias,
                                      TensorView d_out, TensorView x, Accumulate into_d_w) = 0;

  /// An FFN's first product and activation: in (M, d_ff) = x (M, K) w^T + bias, out (M, d_ff) =
  /// act(in). Where one kernel does both, it takes `in` as it is before it is rounded to its dtype,
  /// so that activation_forward(in) does not give the same bits.
  virtual void linear_activation_forward(const Exec& exec, TensorView out, TensorView in,
                                         TensorView x, TensorView w, TensorView bias,
                                         Activation activation) {
    linear_forward(exec, in, x, w, bias);
    activation_forward(exec, out, in, activation, FfnType::standard);
  }
  /// The way back through its second product: d_in (M, d_ff) = d_out (M, N) w times the derivative
  /// of the activation at `in`; w (N, d_ff).
  virtual void linear_activation_backward(const Exec& exec, TensorView d_in, TensorView d_out,
                                          TensorView w, TensorView in, Activation activation) {
    linear_backward_input(exec, d_in, d_out, w);
    activation_backward(exec, d_in, d_in, in, activation, FfnType::standard);
  }

  /// residual = residual_in + delta (delta none: residual = residual_in, which may be the same
  /// memory); out = norm(residual) weight + bias. residual, residual_in, delta, out (M, C); stats
  /// f32: (M, 1) rstd for rmsnorm, (M, 2) mean and rstd for layernorm.
  virtual void residual_norm_forward(const Exec& exec, TensorView residual, TensorView out,
                                     TensorView stats, TensorView residual_in, TensorView delta,
                                     TensorView weight, TensorView bias,
                                     const NormParams& params) = 0;
  /// d_residual (M, C) += gradient through the norm; d_weight (C) +=, d_bias (C) += (none without
  /// bias).
  virtual void norm_backward(const Exec& exec, TensorView d_residual, TensorView d_weight,
                             TensorView d_bias, TensorView d_out, TensorView residual,
                             TensorView stats, TensorView weight, const NormParams& params) = 0;

  /// Rotates queries and keys of packed qkv (B, T, n_head + 2 n_kv_head, d_head) in place by
  /// position x theta^(-2i/d_head); pairs are (i, i + d_head/2) as in LLaMA checkpoints of Hugging
  /// Face. backward applies the inverse rotation (to gradients).
  virtual void rope(const Exec& exec, TensorView qkv, const AttentionShape& heads, double theta,
                    RopeDirection direction) = 0;

  /// Norms queries and keys of packed qkv (as rope's) over d_head in place; qk (M, n_head +
  /// n_kv_head, d_head) keeps them as they were, stats (M, n_head + n_kv_head, 1 or 2) f32 as
  /// residual_norm_forward's.
  virtual void qk_norm_forward(const Exec& exec, TensorView qkv, TensorView qk, TensorView stats,
                               const QkNormTensors& weights, const AttentionShape& heads,
                               const NormParams& params) = 0;
  /// Gradients of queries and keys in d_qkv, in place; those of the weights +=.
  virtual void qk_norm_backward(const Exec& exec, TensorView d_qkv, const QkNormTensors& d_weights,
                                TensorView qk, TensorView stats, const QkNormTensors& weights,
                                const AttentionShape& heads, const NormParams& params) = 0;

  /// Causal attention with scale d_head^-1/2. out (B, T, n_head, d_head). stats: (B, n_head, T)
  /// f32, log-sum-exp of the scaled scores; under the manual backend the probabilities before
  /// dropout, (B, n_head, T, T) in compute dtype, 0 behind the diagonal.
  virtual void attention_forward(const Exec& exec, TensorView out, TensorView stats, TensorView qkv,
                                 const AttentionParams& params) = 0;
  /// d_qkv as qkv; scratch of the caller, shaped as stats, is overwritten.
  virtual void attention_backward(const Exec& exec, TensorView d_qkv, TensorView scratch,
                                  TensorView d_out, TensorView qkv, TensorView out,
                                  TensorView stats, const AttentionParams& params) = 0;

  /// out (M, C) = in with elements dropped; out may be in.
  virtual void dropout(const Exec& exec, TensorView out, TensorView in, const Dropout& params) = 0;

  /// out (M, d_ff) from in (M, d_ff), or from packed gate and up (M, 2 d_ff) when gated: act(gate)
  /// * up.
  virtual void activation_forward(const Exec& exec, TensorView out, TensorView in,
                                  Activation activation, FfnType ffn) = 0;
  /// d_in as in; may be d_out unless gated.
  virtual void activation_backward(const Exec& exec, TensorView d_in, TensorView d_out,
                                   TensorView in, Activation activation, FfnType ffn) = 0;

  /// Output projection and cross-entropy in chunks of logits.extent(0) tokens: loss_sums (2) f64 +=
  /// sum of -log p(target), sum of the z-loss; d_x (M, C) = grad_scale x loss scale x gradient of
  /// both, d_w (V, C) += or, by params.into_d_w, =. d_x and d_w none: losses only. x (M, C), w (V,
  /// C), targets (M) i32, negative targets are skipped. logits (chunk, V or more) is scratch of the
  /// caller, f32 (f64 in the reference).
  virtual void head_loss(const Exec& exec, TensorView loss_sums, TensorView d_x, TensorView d_w,
                         TensorView logits, TensorView x, TensorView w, TensorView targets,
                         const HeadLossParams& params) = 0;

  /// logits (M, V or more) f32 (f64 in the reference) = x (M, C) w^T, w (V, C): head_loss's product.
  virtual void head_logits(const Exec& exec, TensorView logits, TensorView x, TensorView w) = 0;

  /// Per segment of flat: sums (n, 3) f64 = sum, sum of squares, non-finite count; extremes (n, 2)
  /// f64 = -min, max (so that both reduce with max over ranks; -infinity when there is none). Sums
  /// and extremes are of the finite elements. segments (n, 2) i64 = offset, size.
  virtual void segment_statistics(const Exec& exec, TensorView sums, TensorView extremes,
                                  TensorView flat, TensorView segments) = 0;
  /// From sums (n, 3) of gradients that are multiplied by the loss scale: output.grad_norm without
  /// it, clip_scale = min(1, max_norm / grad_norm) (1 when max_norm is 0) / loss scale, nonfinite,
  /// skip (1 when nonfinite is not 0); n_update += 1 unless skipped.
  virtual void clip_by_global_norm(const Exec& exec, StepState* state, TensorView sums,
                                   double max_norm) = 0;
  /// AdamW (arXiv:1711.05101) on flat f32 params, grads, m, v with the lr, clip scale and skip flag
  /// of `state` and bias corrections 1 - beta^n_update; segments (n, kUpdateColumns) i64,
  /// UpdateSegment by UpdateSegment, no two of one tensor. norms (n_tensors, 2) f64 += sums of
  /// squares of the tensor's parameters after the update and of their change; nothing in a skipped
  /// step. Elements outside all segments are left alone.
  virtual void adamw(const Exec& exec, TensorView params, TensorView m, TensorView v,
                     TensorView grads, TensorView segments, TensorView norms,
                     const StepState* state, const AdamWParams& params_of_adamw) = 0;

  /// Muon's update of one matrix, before the learning rate: update, momentum, grad (rows, cols)
  /// f32, with the clip scale and skip flag of `state`; update may be grad. momentum =
  /// params.momentum x momentum + g; update = 0.2 sqrt(max(rows, cols)) times the nearest
  /// semi-orthogonal matrix, by Newton-Schulz iterations, of g + params.momentum x momentum
  /// (nesterov) or of momentum. A skipped step leaves both as they are. The iterations' products
  /// are f32, on GPUs bf16 unless the compute dtype is f32.
  virtual void muon_update(const Exec& exec, TensorView update, TensorView momentum,
                           TensorView grad, const StepState* state, const MuonParams& params) = 0;
  /// The same of several matrices of one shape: on GPUs each product of the iterations is one of
  /// all of them.
  virtual void muon_update_batch(const Exec& exec, std::span<const MuonOperands> matrices,
                                 const StepState* state, const MuonParams& params) {
    for (const MuonOperands& of : matrices)
      muon_update(exec, of.update, of.momentum, of.grad, state, params);
  }
  /// Takes updates that are ready: params -= lr (updates + weight_decay params) on flat f32
  /// buffers, with the lr and skip flag of `state`; segments and norms as adamw's, updates in the
  /// place of gradients.
  virtual void apply_updates(const Exec& exec, TensorView params, TensorView updates,
                             TensorView segments, TensorView norms, const StepState* state,
                             double weight_decay) = 0;
  /// After the update: a skipped step multiplies state->loss_scale by backoff, growth_interval
  /// steps in a row that were not multiply it by growth.
  virtual void update_loss_scale(const Exec& exec, StepState* state,
                                 const LossScaleParams& params) = 0;

  /// out += in, same dtype, any shape of equal size.
  virtual void accumulate(const Exec& exec, TensorView out, TensorView in) = 0;
  /// out = in converted to out's dtype.
  virtual void cast(const Exec& exec, TensorView out, TensorView in) = 0;
};

}  // namespace isoflop
