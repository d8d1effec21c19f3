// SPDX-License-Identifier: MIT
#include "trainer/model/transformer.hpp"

#include "core/model/architecture.hpp"
#include "trainer/backend/trace.hpp"

#include <algorithm>
#include <atomic>

namespace isoflop {
namespace {

/// No two models of the process have the same.
int64_t new_id() {
  static std::atomic<int64_t> last = 0;
  return ++last;
}

/// What of a step is repeated: the second word of its key, behind the model's id.
enum Work : int64_t {
  kBlockForward,
  kBlockAgain,
  kBlockBackward,
  kLoss,
  kHeadBackward,
  kEmbeddingBackward,
};

/// What stays where it is for as long as the model lives is not in a key: activations, temporaries.
void add(WorkKey& key, const UnitLease& lease) {
  for (int64_t i = 0; i < lease.size(); ++i) key.add(lease[i]);
  key.add(static_cast<int64_t>(lease.accumulate_matrices()));
}

void add(WorkKey& key, const Dropout& dropout) {
  key.add(dropout ? dropout.first_sample : TensorView());
}

void add(WorkKey& key, const LayerContext& context) {
  add(key, context.dropout.ffn);
  key.add(context.first_keys);
}

}  // namespace

Transformer::Transformer(const ModelShape& shape, const StepShape& step, const Backend& backend,
                         ParameterSource& source, TensorParallel& hooks, Arena& workspace)
    : shape_(shape),
      step_(step),
      backend_(backend),
      source_(source),
      workspace_(workspace),
      activations_(shape, step, backend),
      recompute_(step.recompute.in_backward(shape.n_layer)),
      dropout_(shape, step.seq_len, step.dropout_seed),
      block_(make_block(shape, *backend.ops, hooks)),
      id_(new_id()) {
  const int64_t chunk =
      head_chunk_tokens(shape.vocab_size, step.rows(), backend.gpu ? kGpuHeadChunk : kCpuHeadChunk);
  const int64_t stride = backend.gpu ? gpu_logits_stride(shape.vocab_size) : shape.vocab_size;
  logits_memory_ = backend.device->allocate(chunk * stride * size_of(backend.master_dtype),
                                            MemoryCategory::logits);
  logits_ = logits_memory_.view(backend.master_dtype, {chunk, stride});
}

void Transformer::forward(const Batch& batch) {
  const TraceScope scope(backend_.trace, {"forward"});
  forward_scope_.emplace(workspace_);
  delta_ = workspace_.allocate(backend_.compute_dtype, {step_.rows(), shape_.d_model});
  embed(batch);
  for (int64_t layer = 0; layer < shape_.n_layer; ++layer) forward_block(batch, layer);
}

void Transformer::embed(const Batch& batch) {
  const TraceScope scope(backend_.trace, {"embedding"});
  embedding_parameters_ = source_.parameters(0, Pass::forward);
  const bool learned = row_of(shape_.position).has_table;
  const TensorView out = activations_.stream();
  backend_.ops->embedding_forward(
      exec(), out.reshaped({step_.batch_size, step_.seq_len, shape_.d_model}), batch.inputs,
      embedding_parameters_[0], learned ? embedding_parameters_[1] : TensorView());
  if (const Dropout dropout = dropout_.embedding(batch.first_sample))
    backend_.ops->dropout(exec(), out, out, dropout);
  stream_ = {out, TensorView()};
  if (!shape_.tied_embeddings) embedding_parameters_ = UnitLease();
}

void Transformer::forward_block(const Batch& batch, int64_t layer) {
  const TraceScope scope(backend_.trace, {"block", layer});
  const UnitLease lease = source_.parameters(layer + 1, Pass::forward);
  const BlockActivations& saved = activations_.block(layer);
  const LayerContext context = this->context(batch, layer);
  WorkKey key{id_, kBlockForward, layer};
  add(key, lease);
  add(key, context);
  repeat(key, [&] {
    block_->forward(exec(), block_tensors(shape_, lease), saved, stream_, delta_, context);
  });
  stream_ = block_->output(saved, delta_);
}

void Transformer::end_forward() {
  forward_scope_.reset();
  embedding_parameters_ = UnitLease();
}

Transformer::HeadTensors Transformer::head_tensors(const UnitLease& head,
                                                   const UnitLease& embedding) const {
  HeadTensors tensors;
  int64_t next = 0;
  if (is_pre_norm()) {
    tensors.norm_weight = head[next++];
    if (shape_.norm_has_bias()) tensors.norm_bias = head[next++];
  }
  tensors.output_weight = shape_.tied_embeddings ? embedding[0] : head[next];
  return tensors;
}

/// saved.norm is what the output projection reads then.
void Transformer::forward_head_norm(const HeadTensors& params) {
  const HeadActivations& saved = activations_.head();
  if (is_pre_norm())
    backend_.ops->residual_norm_forward(exec(), saved.residual, saved.norm, saved.stats,
                                        stream_.residual, stream_.delta, params.norm_weight,
                                        params.norm_bias, {shape_.norm, shape_.norm_eps});
}

void Transformer::loss(const Batch& batch, TensorView loss_sums) {
  const TraceScope scope(backend_.trace, {"head"});
  const UnitLease lease = head_parameters(Pass::forward);
  const HeadTensors params = head_tensors(lease, embedding_parameters_);
  WorkKey key{id_, kLoss};
  add(key, lease);
  key.add(params.output_weight).add(batch.targets).add(loss_sums);
  repeat(key, [&] {
    forward_head_norm(params);
    backend_.ops->head_loss(exec(), loss_sums, TensorView(), TensorView(), logits_,
                            activations_.head().norm, params.output_weight, batch.targets,
                            {.z_loss = shape_.z_loss});
  });
  end_forward();
}

/// In the chunks that loss() takes, for whose products the device is prepared.
TensorView Transformer::logits(int64_t row) {
  const UnitLease lease = head_parameters(Pass::forward);
  const HeadTensors params = head_tensors(lease, embedding_parameters_);
  forward_head_norm(params);
  const int64_t stride = logits_.extent(1), C = shape_.d_model;
  const int64_t first = row - row % logits_.extent(0);
  const int64_t n = std::min(logits_.extent(0), step_.rows() - first);
  backend_.ops->head_logits(exec(), logits_.flat_slice(0, {n, stride}),
                            activations_.head().norm.flat_slice(first * C, {n, C}),
                            params.output_weight);
  end_forward();
  return logits_.flat_slice((row - first) * stride, {shape_.vocab_size});
}

void Transformer::backward(const Batch& batch, TensorView loss_sums, double grad_scale,
                           const StepState* state) {
  const TraceScope trace_scope(backend_.trace, {"backward"});
  if (shape_.tied_embeddings) embedding_gradients_ = source_.gradients(0);
  std::optional<Arena::Scope> scope;
  const TensorView d_stream = backward_head(
      batch, loss_sums, {.grad_scale = grad_scale, .z_loss = shape_.z_loss, .state = state}, scope);
  for (int64_t layer = shape_.n_layer - 1; layer >= 0; --layer)
    backward_block(batch, layer, d_stream);
  backward_embedding(batch, d_stream);
}

TensorView Transformer::backward_head(const Batch& batch, TensorView loss_sums, HeadLossParams loss,
                                      std::optional<Arena::Scope>& scope) {
  const TraceScope trace_scope(backend_.trace, {"head"});
  const UnitLease lease = head_parameters(Pass::backward);
  const HeadTensors params = head_tensors(lease, embedding_parameters_);
  const UnitLease grads_lease =
      has_head_unit() ? source_.gradients(shape_.n_layer + 1) : UnitLease();
  const HeadTensors grads = head_tensors(grads_lease, embedding_gradients_);
  // a tied output matrix is the embedding, which starts as zeros
  if (!shape_.tied_embeddings) loss.into_d_w = grads_lease.accumulate_matrices();

  // the delta of the last block, read by the first work of the head, may lie where the gradients do
  forward_scope_.reset();
  scope.emplace(workspace_);
  const Extents extents = {step_.rows(), shape_.d_model};
  const TensorView d_stream = workspace_.allocate(backend_.compute_dtype, extents);
  const Arena::Scope inner(workspace_);
  const TensorView d_norm =
      is_pre_norm() ? workspace_.allocate(backend_.compute_dtype, extents) : d_stream;

  WorkKey key{id_, kHeadBackward};
  add(key, lease);
  add(key, grads_lease);
  key.add(params.output_weight).add(grads.output_weight).add(batch.targets).add(loss_sums);
  key.add(static_cast<const void*>(loss.state)).add(loss.grad_scale);
  repeat(key, [&] {
    const HeadActivations& saved = activations_.head();
    forward_head_norm(params);
    backend_.ops->head_loss(exec(), loss_sums, d_norm, grads.output_weight, logits_, saved.norm,
                            params.output_weight, batch.targets, loss);
    if (!is_pre_norm()) return;
    backend_.device->zero(d_stream.data, d_stream.bytes(), exec().stream);
    backend_.ops->norm_backward(exec(), d_stream, grads.norm_weight, grads.norm_bias, d_norm,
                                saved.residual, saved.stats, params.norm_weight,
                                {shape_.norm, shape_.norm_eps});
  });
  return d_stream;
}

void Transformer::backward_block(const Batch& batch, int64_t layer, TensorView d_stream) {
  const TraceScope trace_scope(backend_.trace, {"block", layer});
  const UnitLease lease = source_.parameters(layer + 1, Pass::backward);
  const BlockTensors params = block_tensors(shape_, lease);
  const BlockActivations& saved = activations_.block(layer);
  const LayerContext context = this->context(batch, layer);
  if (const BlockParts parts = recompute_.parts(layer); !parts.empty()) {
    WorkKey key{id_, kBlockAgain, layer};
    add(key, lease);
    add(key, context);
    repeat(key, [&] {
      const Arena::Scope scope(workspace_);
      block_->recompute(exec(), parts, params, saved,
                        workspace_.allocate(d_stream.dtype, d_stream.shape), context);
    });
  }
  const UnitLease grads = source_.gradients(layer + 1);
  WorkKey key{id_, kBlockBackward, layer};
  add(key, lease);
  add(key, grads);
  add(key, context);
  repeat(key, [&] {
    block_->backward(exec(), params, block_tensors(shape_, grads), saved, d_stream, context);
  });
}

void Transformer::backward_embedding(const Batch& batch, TensorView d_stream) {
  const TraceScope scope(backend_.trace, {"embedding"});
  if (!shape_.tied_embeddings) embedding_gradients_ = source_.gradients(0);
  const bool learned = row_of(shape_.position).has_table;
  const Dropout dropout = dropout_.embedding(batch.first_sample);
  WorkKey key{id_, kEmbeddingBackward};
  add(key, embedding_gradients_);
  add(key, dropout);
  key.add(batch.inputs);
  repeat(key, [&] {
    if (dropout) backend_.ops->dropout(exec(), d_stream, d_stream, dropout);
    const TensorView d_out = d_stream.reshaped({step_.batch_size, step_.seq_len, shape_.d_model});
    backend_.ops->embedding_backward(exec(), embedding_gradients_[0],
                                     learned ? embedding_gradients_[1] : TensorView(), batch.inputs,
                                     d_out);
  });
  embedding_gradients_ = UnitLease();
  embedding_parameters_ = UnitLease();
}

}  // namespace isoflop
