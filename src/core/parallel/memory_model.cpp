// SPDX-License-Identifier: MIT
#include "core/parallel/memory_model.hpp"

#include "core/base/round_up.hpp"
#include "core/model/activation_table.hpp"
#include "core/parallel/compute_bytes.hpp"
#include "core/parallel/cpu_scratch.hpp"
#include "core/parallel/flat_layout.hpp"
#include "core/parallel/muon_owners.hpp"

#include <algorithm>

namespace isoflop {
namespace {

constexpr int64_t kTokenIdBytes = 4;
constexpr int64_t kBatchHeaderBytes = 8;  // the number of its first sample
constexpr int64_t kBufferAlignment = 256;

int64_t buffer(int64_t elements, int64_t element_bytes) {
  return round_up(elements * element_bytes, kBufferAlignment);
}

/// One that collectives read or write.
int64_t shared_buffer(const MemoryRequest& request, int64_t elements, int64_t element_bytes) {
  const bool is_registered = request.gpu && request.layout.world_size() > 1 &&
                             request.nccl_registration != NcclRegistration::off;
  return is_registered ? nccl_memory_bytes(elements * element_bytes)
                       : buffer(elements, element_bytes);
}

/// Master and other weights: a shard and two units at a time; a shard and a copy of all; or all,
/// with the shard among them. Units are gathered from the shard itself where it has their type.
void add_parameters(MemoryEstimate& memory, const FlatLayout& flat, const MemoryRequest& request,
                    int64_t width) {
  const auto shared = [&](int64_t elements, int64_t element_bytes) {
    return shared_buffer(request, elements, element_bytes);
  };
  const bool whole = keeps_whole_parameters(request.layout);
  const bool in_place = whole && width == kMasterBytes;
  const bool is_gathered = width == kMasterBytes && flat.n_shard > 1;
  const int64_t size = in_place ? flat.total_size() : flat.total_shard_size;
  memory.parameters = is_gathered ? shared(size, kMasterBytes) : buffer(size, kMasterBytes);
  if (whole && !in_place) memory.compute_parameters = shared(flat.total_size(), width);
  if (!whole)
    memory.gathered = 2 * shared(flat.max_streamed_size, width) + shared(flat.resident_size, width);
}

void add_gradients(MemoryEstimate& memory, const FlatLayout& flat, const MemoryRequest& request) {
  const auto shared = [&](int64_t elements) {
    return shared_buffer(request, elements, kMasterBytes);
  };
  if (keeps_whole_gradients(request.layout)) {
    memory.gradients = shared(flat.total_size());
    return;
  }
  memory.gradients = shared(flat.total_shard_size);
  memory.gradient_buffers = 2 * shared(flat.max_streamed_size) + shared(flat.resident_size) +
                            shared(flat.max_unit_size / flat.n_shard);
}

/// Weights, gradients and optimizer state, and what they are gathered and reduced in.
void add_model_state(MemoryEstimate& memory, const FlatLayout& flat, const MemoryRequest& request,
                     int64_t width) {
  add_parameters(memory, flat, request, width);
  add_gradients(memory, flat, request);
  const OptimizerSize optimizer =
      largest_optimizer_state(flat, request.layout.world_size(), request.optimizer);
  memory.optimizer =
      2 * buffer(optimizer.moments, kMasterBytes) + buffer(optimizer.momentum, kMasterBytes);
}

int64_t largest_phase(const ModelShape& shape, int64_t seq_len, int64_t n_tokens, int64_t width) {
  int64_t largest = 0;
  for (const WorkspacePhase& phase : workspace_phases(shape, seq_len))
    largest = std::max(largest, saved_bytes(phase.tensors, n_tokens, width));
  return largest;
}

/// What grows with the tokens of a micro batch.
void add_token_memory(MemoryEstimate& memory, const MemoryRequest& request, int64_t width) {
  const ModelShape& shape = request.shape;
  const int64_t n_tokens = request.layout.micro_batch_size * request.seq_len;
  const std::vector<SavedTensor> block = block_saved_tensors(shape, request.seq_len);
  const RecomputePlan& recompute = request.layout.recompute;
  for (const RecomputeRange& range : recompute.ranges(shape.n_layer))
    memory.activations += range.n_block() * kept_bytes(block, range.parts, n_tokens, width);
  memory.activations += saved_bytes(head_saved_tensors(shape), n_tokens, width);
  memory.workspace = largest_phase(shape, request.seq_len, n_tokens, width);
  const int64_t n_row = request.document_mask ? 3 : 2;
  memory.batch = 2 * buffer(kBatchHeaderBytes + n_row * n_tokens * kTokenIdBytes, 1);
}

/// What blocks run again in backward lies in memory that they share, held between passes too.
int64_t rebuilt_bytes(const MemoryRequest& request, int64_t width) {
  const int64_t n_tokens = request.layout.micro_batch_size * request.seq_len;
  const std::vector<SavedTensor> block = block_saved_tensors(request.shape, request.seq_len);
  return saved_bytes(block, n_tokens, width) -
         kept_bytes(block, request.layout.recompute.parts_of_any(), n_tokens, width);
}

/// What the update takes of the workspace.
int64_t update_bytes(const FlatLayout& flat, const MemoryRequest& request) {
  if (request.optimizer == OptimizerKind::adamw) return 0;
  const int64_t n_rank = request.layout.world_size();
  const int64_t group_size = request.gpu ? kGpuMuonGroupSize : kCpuMuonGroupSize;
  const int64_t scratch =
      request.gpu ? gpu_update_scratch_bytes(request.shape, request.optimizer, request.precision,
                                             muon_batches(flat, n_rank, group_size))
                  : cpu_update_scratch_bytes(request.shape, request.optimizer);
  return scratch +
         kMuonReceiveBuffers * buffer(muon_receive_size(flat, n_rank, group_size), kMasterBytes);
}

int64_t logits_bytes(const MemoryRequest& request) {
  const int64_t vocab_size = request.shape.vocab_size;
  const int64_t chunk =
      head_chunk_tokens(vocab_size, request.layout.micro_batch_size * request.seq_len,
                        request.gpu ? kGpuHeadChunk : kCpuHeadChunk);
  const int64_t stride = request.gpu ? gpu_logits_stride(vocab_size) : vocab_size;
  return buffer(chunk * stride, kMasterBytes);
}

bool same_states(const Layout& a, const Layout& b) {
  return a.strategy == b.strategy && a.n_replica == b.n_replica && a.n_shard == b.n_shard &&
         a.reshard_after_forward == b.reshard_after_forward &&
         a.min_unit_params == b.min_unit_params;
}

bool same_tokens(const Layout& a, const Layout& b) {
  return a.micro_batch_size == b.micro_batch_size && a.recompute == b.recompute;
}

}  // namespace

int64_t MemoryEstimate::total() const {
  return parameters + compute_parameters + gradients + optimizer + gathered + gradient_buffers +
         activations + workspace + logits + batch + checkpoint;
}

std::vector<std::pair<std::string, int64_t>> MemoryEstimate::terms() const {
  std::vector<std::pair<std::string, int64_t>> result;
  for (const MemoryTerm& term : kMemoryTerms)
    if (this->*term.bytes != 0) result.emplace_back(term.name, this->*term.bytes);
  std::stable_sort(result.begin(), result.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  return result;
}

MemoryEstimate estimate_memory(const MemoryRequest& request) {
  return MemoryModel(request).estimate(request.layout);
}

MemoryModel::MemoryModel(const MemoryRequest& request)
    : shape_(request.shape),
      seq_len_(request.seq_len),
      precision_(request.precision),
      gpu_(request.gpu),
      optimizer_(request.optimizer),
      copies_state_(request.copies_state),
      document_mask_(request.document_mask),
      nccl_registration_(request.nccl_registration) {}

MemoryRequest MemoryModel::request(const Layout& layout) const {
  return {.shape = shape_,
          .layout = layout,
          .seq_len = seq_len_,
          .precision = precision_,
          .gpu = gpu_,
          .optimizer = optimizer_,
          .copies_state = copies_state_,
          .document_mask = document_mask_,
          .nccl_registration = nccl_registration_};
}

const MemoryModel::Part& MemoryModel::states(const Layout& layout) {
  for (const Part& part : states_)
    if (same_states(part.layout, layout)) return part;
  const MemoryRequest now = request(layout);
  const FlatLayout flat = make_flat_layout(shape_, layout);
  Part part{.layout = layout, .memory = {}, .update_bytes = update_bytes(flat, now)};
  add_model_state(part.memory, flat, now, compute_bytes(precision_));
  if (copies_state_ && !gpu_)
    part.memory.checkpoint =
        buffer(largest_saved_state(flat, layout.world_size(), optimizer_), kMasterBytes);
  return states_.emplace_back(std::move(part));
}

const MemoryModel::Part& MemoryModel::tokens(const Layout& layout) {
  for (const Part& part : tokens_)
    if (same_tokens(part.layout, layout)) return part;
  const MemoryRequest now = request(layout);
  const int64_t width = compute_bytes(precision_);
  Part part{.layout = layout, .memory = {}, .rebuilt_bytes = rebuilt_bytes(now, width)};
  add_token_memory(part.memory, now, width);
  part.memory.logits = logits_bytes(now);
  part.memory.workspace +=
      gpu_ ? gpu_scratch_bytes(shape_, layout.micro_batch_size, seq_len_, precision_, *gpu_)
           : cpu_scratch_bytes(shape_, seq_len_, precision_);
  return tokens_.emplace_back(std::move(part));
}

MemoryEstimate MemoryModel::estimate(const Layout& layout) {
  const Part& state = states(layout);
  const Part& token = tokens(layout);
  MemoryEstimate memory = state.memory;
  memory.activations = token.memory.activations;
  memory.batch = token.memory.batch;
  memory.logits = token.memory.logits;
  memory.workspace = std::max(token.memory.workspace, state.update_bytes) + token.rebuilt_bytes;
  return memory;
}

}  // namespace isoflop
