// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/model/activations.hpp"
#include "trainer/model/parameter_source.hpp"

#include <optional>

namespace isoflop {

/// One micro batch on the device.
struct Batch {
  TensorView inputs;   // (B, T) i32
  TensorView targets;  // (B T) i32, negative: no target
};

/// A decoder-only transformer over parameters that come and go as leases. Everything is enqueued on
/// the compute stream.
class Transformer {
 public:
  /// `workspace` is where temporaries and op scratch live; sized by workspace_bytes() plus what the
  /// ops need.
  Transformer(const ModelShape& shape, const StepShape& step, const Backend& backend,
              ParameterSource& source, Arena& workspace);

  /// Embeds and runs all blocks.
  void forward(const Batch& batch);
  /// After forward: adds the batch's loss (sum over tokens, nats) to loss_sum and grad_scale x its
  /// gradient to the source's accumulators. A unit's gradients are handed back as soon as they are
  /// final.
  void backward(const Batch& batch, TensorView loss_sum, double grad_scale);
  /// After forward: adds the batch's loss to loss_sum.
  void loss(const Batch& batch, TensorView loss_sum);

 private:
  struct HeadTensors {
    TensorView norm_weight;
    TensorView norm_bias;
    TensorView output_weight;  // (V, C)
  };
  /// With tied embeddings the output weight is the embedding unit's first tensor.
  HeadTensors head_tensors(const UnitLease& head, const UnitLease& embedding) const;
  void embed(const Batch& batch);
  void forward_block(int64_t layer);
  void forward_head_norm(const HeadTensors& params);
  /// Ends the forward pass, opens `scope` and returns the gradient of the residual stream, which
  /// lives in it.
  TensorView backward_head(const Batch& batch, TensorView loss_sum, double grad_scale,
                           std::optional<Arena::Scope>& scope);
  void backward_block(int64_t layer, TensorView d_residual);
  void backward_embedding(const Batch& batch, TensorView d_residual);

  Exec exec() { return {*backend_.device, backend_.device->compute_stream(), workspace_}; }
  int64_t head_unit() const { return shape_.n_layer + 1; }

  const ModelShape& shape_;
  StepShape step_;
  const Backend& backend_;
  ParameterSource& source_;
  Arena& workspace_;
  Activations activations_;
  Block block_;
  Buffer logits_memory_;
  TensorView logits_;                          // (chunk, V)
  std::optional<Arena::Scope> forward_scope_;  // holds delta_ from forward to the head
  TensorView delta_;  // (B T, C), a sub-layer's output on its way into the residual stream
  UnitLease
      embedding_parameters_;  // held from forward to the end of backward when embeddings are tied
  UnitLease embedding_gradients_;  // held from the head to the embedding when embeddings are tied
};

}  // namespace isoflop
