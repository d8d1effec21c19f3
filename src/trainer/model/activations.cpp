// SPDX-License-Identifier: MIT
#include "trainer/model/activations.hpp"

#include "core/model/architecture.hpp"

#include <algorithm>
#include <map>

namespace isoflop {
namespace {

/// The fp32 of the table is the reference backend's f64.
DType dtype_for(const SavedTensor& tensor, const Backend& backend) {
  return tensor.width == ElementWidth::compute ? backend.compute_dtype : backend.master_dtype;
}

int64_t arena_bytes(const SavedTensor& tensor, const StepShape& step, DType dtype) {
  return aligned_bytes(step.rows() * tensor.elements_per_token * size_of(dtype));
}

/// Tensors with memory behind them, by the names of the table.
using Named = std::map<std::string, TensorView, std::less<>>;

int64_t bytes_of(const std::vector<SavedTensor>& tensors, const StepShape& step,
                 const Backend& backend) {
  int64_t total = 0;
  for (const SavedTensor& tensor : tensors)
    total += arena_bytes(tensor, step, dtype_for(tensor, backend));
  return total;
}

void allocate_into(Named& named, const std::vector<SavedTensor>& tensors, const StepShape& step,
                   const Backend& backend, Arena& arena) {
  for (const SavedTensor& tensor : tensors)
    named[tensor.name] =
        arena.allocate(dtype_for(tensor, backend), {step.rows(), tensor.elements_per_token});
}

TensorView find(const Named& named, const char* name) {
  const auto entry = named.find(name);
  return entry == named.end() ? TensorView() : entry->second;
}

BlockActivations to_block(const Named& named, const ModelShape& shape, const StepShape& step) {
  const int64_t B = step.batch_size, T = step.seq_len;
  const int64_t n_normed = shape.n_head + shape.n_kv_head;
  BlockActivations block;
  block.input = find(named, "input");
  block.qkv = named.at("qkv").reshaped({B, T, n_normed + shape.n_kv_head, shape.d_head});
  if (shape.qk_norm) {
    const int64_t stats_width = row_of(shape.norm).stats_width();
    block.qk = named.at("qk").reshaped({B * T, n_normed, shape.d_head});
    block.qk_stats = named.at("qk_stats").reshaped({B * T, n_normed, stats_width});
  }
  block.attention = named.at("attention").reshaped({B, T, shape.n_head, shape.d_head});
  const TensorView stats = named.at("attention_stats");
  block.attention_stats = shape.attention_backend == AttentionBackend::manual
                              ? stats.reshaped({B, shape.n_head, T, T})
                              : stats.reshaped({B, shape.n_head, T});
  block.residual1 = named.at("residual1");
  block.norm1_stats = named.at("norm1_stats");
  block.norm1 = named.at("norm1");
  block.residual2 = named.at("residual2");
  block.norm2_stats = named.at("norm2_stats");
  block.norm2 = find(named, "norm2");
  block.ffn_in = named.at("ffn_in");
  block.ffn_act = named.at("ffn_act");
  return block;
}

/// What a block keeps that runs `rerun` again.
std::vector<SavedTensor> kept_tensors(const ModelShape& shape, const StepShape& step,
                                      BlockParts rerun) {
  std::vector<SavedTensor> tensors = block_saved_tensors(shape, step.seq_len);
  std::erase_if(tensors, [&](const SavedTensor& tensor) { return !tensor.is_kept(rerun); });
  return tensors;
}

/// What some block runs again, each tensor once.
std::vector<SavedTensor> shared_tensors(const ModelShape& shape, const StepShape& step) {
  const BlockParts rerun = step.recompute.parts_of_any();
  std::vector<SavedTensor> tensors = block_saved_tensors(shape, step.seq_len);
  std::erase_if(tensors, [&](const SavedTensor& tensor) { return tensor.is_kept(rerun); });
  return tensors;
}

int64_t kept_bytes(const ModelShape& shape, const StepShape& step, const Backend& backend) {
  int64_t bytes = bytes_of(head_saved_tensors(shape), step, backend);
  for (const RecomputeRange& range : step.recompute.ranges(shape.n_layer))
    bytes += range.n_block() * bytes_of(kept_tensors(shape, step, range.parts), step, backend);
  return bytes;
}

}  // namespace

Activations::Activations(const ModelShape& shape, const StepShape& step, const Backend& backend)
    : kept_(*backend.device, kept_bytes(shape, step, backend), MemoryCategory::activations),
      shared_(*backend.device, bytes_of(shared_tensors(shape, step), step, backend),
              MemoryCategory::workspace) {
  Named shared;
  allocate_into(shared, shared_tensors(shape, step), step, backend, shared_);
  for (int64_t layer = 0; layer < shape.n_layer; ++layer) {
    Named named = shared;
    allocate_into(named, kept_tensors(shape, step, step.recompute.parts(layer)), step, backend,
                  kept_);
    blocks_.push_back(to_block(named, shape, step));
  }
  Named head;
  allocate_into(head, head_saved_tensors(shape), step, backend, kept_);
  head_ = {find(head, "residual"), find(head, "norm_stats"), head.at("norm")};
  if (shape.norm_position == NormPosition::post) connect_outputs();
}

/// A post-norm block's output is the input of what follows.
void Activations::connect_outputs() {
  for (std::size_t i = 0; i + 1 < blocks_.size(); ++i) blocks_[i].norm2 = blocks_[i + 1].input;
  blocks_.back().norm2 = head_.norm;
}

TensorView Activations::stream() const {
  const BlockActivations& first = blocks_.front();
  return first.input ? first.input : first.residual1;
}

int64_t workspace_bytes(const ModelShape& shape, const StepShape& step, const Backend& backend) {
  int64_t largest = 0;
  for (const WorkspacePhase& phase : workspace_phases(shape, step.seq_len))
    largest = std::max(largest, bytes_of(phase.tensors, step, backend));
  return largest;
}

}  // namespace isoflop
