// SPDX-License-Identifier: MIT
#include "trainer/model/transformer.hpp"

namespace isoflop {

Transformer::Transformer(const ModelShape& shape, const StepShape& step, const Backend& backend,
                         ParameterSource& source, Arena& workspace)
    : shape_(shape),
      step_(step),
      backend_(backend),
      source_(source),
      workspace_(workspace),
      activations_(shape, step, backend),
      block_(shape, *backend.ops, step.batch_size, step.seq_len) {
  const int64_t chunk = head_chunk_tokens(shape.vocab_size, step.rows(),
                                          backend.gpu ? kGpuChunkLogits : kCpuChunkLogits);
  logits_memory_ = backend.device->allocate(
      chunk * shape.vocab_size * size_of(backend.master_dtype), MemoryCategory::logits);
  logits_ = logits_memory_.view(backend.master_dtype, {chunk, shape.vocab_size});
}

void Transformer::forward(const Batch& batch) {
  forward_scope_.emplace(workspace_);
  delta_ = workspace_.allocate(backend_.compute_dtype, {step_.rows(), shape_.d_model});
  embed(batch);
  for (int64_t layer = 0; layer < shape_.n_layer; ++layer) forward_block(layer);
}

void Transformer::embed(const Batch& batch) {
  embedding_parameters_ = source_.parameters(0, Pass::forward);
  const bool learned = shape_.position == PositionEncoding::learned_absolute;
  const TensorView out =
      activations_.block(0).residual1.reshaped({step_.batch_size, step_.seq_len, shape_.d_model});
  backend_.ops->embedding_forward(exec(), out, batch.inputs, embedding_parameters_[0],
                                  learned ? embedding_parameters_[1] : TensorView());
  if (!shape_.tied_embeddings) embedding_parameters_ = UnitLease();
}

void Transformer::forward_block(int64_t layer) {
  const UnitLease lease = source_.parameters(layer + 1, Pass::forward);
  const bool first = layer == 0;
  const TensorView residual_in =
      first ? activations_.block(0).residual1 : activations_.block(layer - 1).residual2;
  block_.forward(exec(), block_tensors(shape_, lease), activations_.block(layer), residual_in,
                 first ? TensorView() : delta_, delta_);
}

Transformer::HeadTensors Transformer::head_tensors(const UnitLease& head,
                                                   const UnitLease& embedding) const {
  HeadTensors tensors;
  int64_t next = 0;
  tensors.norm_weight = head[next++];
  if (shape_.norm_has_bias()) tensors.norm_bias = head[next++];
  tensors.output_weight = shape_.tied_embeddings ? embedding[0] : head[next];
  return tensors;
}

void Transformer::forward_head_norm(const HeadTensors& params) {
  const HeadActivations& saved = activations_.head();
  const TensorView last = activations_.block(shape_.n_layer - 1).residual2;
  backend_.ops->residual_norm_forward(exec(), saved.residual, saved.norm, saved.stats, last, delta_,
                                      params.norm_weight, params.norm_bias,
                                      {shape_.norm, shape_.norm_eps});
  forward_scope_.reset();
}

void Transformer::loss(const Batch& batch, TensorView loss_sum) {
  const UnitLease lease = source_.parameters(head_unit(), Pass::forward);
  const HeadTensors params = head_tensors(lease, embedding_parameters_);
  forward_head_norm(params);
  backend_.ops->head_loss(exec(), loss_sum, TensorView(), TensorView(), logits_,
                          activations_.head().norm, params.output_weight, batch.targets, 0.0);
  embedding_parameters_ = UnitLease();
}

void Transformer::backward(const Batch& batch, TensorView loss_sum, double grad_scale) {
  if (shape_.tied_embeddings) embedding_gradients_ = source_.gradients(0);
  std::optional<Arena::Scope> scope;
  const TensorView d_residual = backward_head(batch, loss_sum, grad_scale, scope);
  for (int64_t layer = shape_.n_layer - 1; layer >= 0; --layer) backward_block(layer, d_residual);
  backward_embedding(batch, d_residual);
}

TensorView Transformer::backward_head(const Batch& batch, TensorView loss_sum, double grad_scale,
                                      std::optional<Arena::Scope>& scope) {
  const UnitLease lease = source_.parameters(head_unit(), Pass::backward);
  const HeadTensors params = head_tensors(lease, embedding_parameters_);
  forward_head_norm(params);
  scope.emplace(workspace_);
  const TensorView d_residual =
      workspace_.allocate(backend_.compute_dtype, {step_.rows(), shape_.d_model});
  backend_.device->zero(d_residual.data, d_residual.bytes(), exec().stream);

  const Arena::Scope inner(workspace_);
  const TensorView d_norm = workspace_.allocate(d_residual.dtype, d_residual.shape);
  const UnitLease grads_lease = source_.gradients(head_unit());
  const HeadTensors grads = head_tensors(grads_lease, embedding_gradients_);
  const HeadActivations& saved = activations_.head();
  backend_.ops->head_loss(exec(), loss_sum, d_norm, grads.output_weight, logits_, saved.norm,
                          params.output_weight, batch.targets, grad_scale);
  backend_.ops->norm_backward(exec(), d_residual, grads.norm_weight, grads.norm_bias, d_norm,
                              saved.residual, saved.stats, params.norm_weight,
                              {shape_.norm, shape_.norm_eps});
  return d_residual;
}

void Transformer::backward_block(int64_t layer, TensorView d_residual) {
  const UnitLease lease = source_.parameters(layer + 1, Pass::backward);
  const BlockTensors params = block_tensors(shape_, lease);
  const BlockActivations& saved = activations_.block(layer);
  if (step_.recompute == Recompute::full) {
    const Arena::Scope scope(workspace_);
    block_.recompute(exec(), params, saved,
                     workspace_.allocate(d_residual.dtype, d_residual.shape));
  }
  const UnitLease grads = source_.gradients(layer + 1);
  block_.backward(exec(), params, block_tensors(shape_, grads), saved, d_residual);
}

void Transformer::backward_embedding(const Batch& batch, TensorView d_residual) {
  if (!shape_.tied_embeddings) embedding_gradients_ = source_.gradients(0);
  const bool learned = shape_.position == PositionEncoding::learned_absolute;
  const TensorView d_out = d_residual.reshaped({step_.batch_size, step_.seq_len, shape_.d_model});
  backend_.ops->embedding_backward(exec(), embedding_gradients_[0],
                                   learned ? embedding_gradients_[1] : TensorView(), batch.inputs,
                                   d_out);
  embedding_gradients_ = UnitLease();
  embedding_parameters_ = UnitLease();
}

}  // namespace isoflop
