// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/model/activations.hpp"
#include "trainer/model/model_dropout.hpp"
#include "trainer/model/parameter_source.hpp"

#include <functional>
#include <memory>
#include <optional>

namespace isoflop {

/// One micro batch on the device.
struct Batch {
  TensorView inputs;   // (B, T) i32
  TensorView targets;  // (B T) i32, negative: no target
  /// (1) i64, the number in the run of the first sequence, which dropout counts from; none in
  /// evaluation: nothing is dropped.
  TensorView first_sample = {};
  /// (B, T) i32, where the document of each token begins in its sequence, if attention must not see
  /// beyond; else none.
  TensorView first_keys = {};
};

/// A decoder-only transformer over parameters that come and go as leases. Everything is enqueued on
/// the compute stream.
class Transformer {
 public:
  /// `workspace` is where temporaries and op scratch live; sized by workspace_bytes() plus what the
  /// ops need. Keeps references to all but `step`.
  Transformer(const ModelShape& shape, const StepShape& step, const Backend& backend,
              ParameterSource& source, TensorParallel& hooks, Arena& workspace);

  /// Embeds and runs all blocks.
  void forward(const Batch& batch);
  /// After forward: adds the batch's loss and z-loss (sums over tokens, nats) to loss_sums (2) f64
  /// and grad_scale x state's loss scale (without state: 1) x the gradient of both to the source's
  /// accumulators. A unit's gradients are handed back as soon as they are final.
  void backward(const Batch& batch, TensorView loss_sums, double grad_scale,
                const StepState* state = nullptr);
  /// After forward: adds the batch's losses to loss_sums.
  void loss(const Batch& batch, TensorView loss_sums);
  /// After forward: the logits (V) f32 (f64 in the reference) behind token `row` of the batch's
  /// B T, valid until the next call.
  TensorView logits(int64_t row);

 private:
  struct HeadTensors {
    TensorView norm_weight;
    TensorView norm_bias;
    TensorView output_weight;  // (V, C)
  };
  /// With tied embeddings the output weight is the embedding unit's first tensor.
  HeadTensors head_tensors(const UnitLease& head, const UnitLease& embedding) const;
  void embed(const Batch& batch);
  void forward_block(const Batch& batch, int64_t layer);
  void forward_head_norm(const HeadTensors& params);
  /// Where no backward pass follows.
  void end_forward();
  /// Ends the forward pass, opens `scope` and returns the gradient of the residual stream, which
  /// lives in it.
  TensorView backward_head(const Batch& batch, TensorView loss_sums, HeadLossParams loss,
                           std::optional<Arena::Scope>& scope);
  void backward_block(const Batch& batch, int64_t layer, TensorView d_stream);
  void backward_embedding(const Batch& batch, TensorView d_stream);

  LayerContext context(const Batch& batch, int64_t layer) const {
    return {dropout_.layer(layer, batch.first_sample), recompute_.parts(layer), batch.first_keys};
  }
  Exec exec() { return {*backend_.device, backend_.device->compute_stream(), workspace_}; }
  void repeat(const WorkKey& key, const std::function<void()>& enqueue) {
    backend_.device->repeat(key, backend_.device->compute_stream(), enqueue);
  }
  bool is_pre_norm() const { return shape_.norm_position == NormPosition::pre; }
  /// A post-norm model with tied embeddings has no head unit.
  bool has_head_unit() const { return is_pre_norm() || !shape_.tied_embeddings; }
  UnitLease head_parameters(Pass pass) {
    return has_head_unit() ? source_.parameters(shape_.n_layer + 1, pass) : UnitLease();
  }

  const ModelShape& shape_;
  StepShape step_;
  const Backend& backend_;
  ParameterSource& source_;
  Arena& workspace_;
  Activations activations_;
  RecomputePlan recompute_;  // of backward
  ModelDropout dropout_;
  std::unique_ptr<Block> block_;
  int64_t id_;  // of its work, which other models' must not be taken for
  Buffer logits_memory_;
  TensorView logits_;                          // (chunk, V or more)
  std::optional<Arena::Scope> forward_scope_;  // holds delta_ from forward to the head
  TensorView delta_;                           // (B T, C), where blocks leave a sub-layer's output
  ResidualStream stream_;                      // behind the last block that ran
  UnitLease
      embedding_parameters_;  // held from forward to the end of backward when embeddings are tied
  UnitLease embedding_gradients_;  // held from the head to the embedding when embeddings are tied
};

}  // namespace isoflop
