// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/round_up.hpp"
#include "core/model/model_shape.hpp"
#include "core/model/recompute.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace isoflop {

/// How wide an element is: compute follows the precision (2 bytes in bf16 and fp16, 4 in fp32),
/// fp32 is always 4 bytes.
enum class ElementWidth { compute, fp32 };

/// A tensor that a forward op leaves for the backward pass. The one table of them: the trainer
/// allocates from it, the memory model sums it.
struct SavedTensor {
  std::string name;
  int64_t elements_per_token = 0;
  ElementWidth width = ElementWidth::compute;
  /// The part of a block that gives it back when run again; none: always kept.
  std::optional<BlockPart> rebuilt_by = std::nullopt;

  bool is_kept(BlockParts rerun) const { return !rebuilt_by || !rerun.has(*rebuilt_by); }
};

/// Saved by one block for sequences of seq_len tokens, in the order of the forward pass. Pre-norm:
/// residual1 (the residual stream entering norm1), norm1_stats, norm1, qkv (rotated), attention,
/// attention_stats, residual2, norm2_stats, norm2, ffn_in, ffn_act. Post-norm: input, qkv,
/// attention, attention_stats, residual1 (input + attention), norm1_stats, norm1, ffn_in, ffn_act,
/// residual2, norm2_stats; norm2 is the next block's input. With qk_norm, qk (queries and keys
/// before their norm) and qk_stats stand behind qkv. Only residual1 (pre) or input (post) is kept
/// in any case; norm1 and norm2 are rebuilt by BlockPart::norms, ffn_act by activations, attention
/// and attention_stats by attention, the others by rest. Norm stats are 1 (rmsnorm: rstd) or 2
/// (layernorm: mean, rstd) fp32 values a row; attention_stats are n_head fp32 log-sum-exps, or
/// under manual attention the probabilities, n_head x seq_len. Throws ConfigError as
/// require_trainable does.
std::vector<SavedTensor> block_saved_tensors(const ModelShape& shape, int64_t seq_len);
/// Saved behind the last block: residual (entering the final norm), norm_stats, norm; post-norm:
/// norm, the last block's output.
std::vector<SavedTensor> head_saved_tensors(const ModelShape& shape);

/// Temporaries that live at the same time in some phase of a pass.
struct WorkspacePhase {
  std::string name;
  std::vector<SavedTensor> tensors;
};

/// The phases of a step: what the arena holds beside the saved tensors. Its peak is the largest
/// phase.
///   forward             delta (d_model): a sub-layer's output on its way into the residual stream
///   backward_head       d_residual, d_norm (d_model each)
///   backward_ffn        d_residual, d_ffn_in (ffn_in_width), d_norm, when gated d_ffn_act (d_ff)
///   backward_attention  d_residual, d_attention (n_head d_head), d_qkv (qkv_width), d_norm,
///   attention_scratch (n_head, fp32; under manual attention n_head x seq_len)
/// With dropout the last two hold d_branch (d_model) as well.
std::vector<WorkspacePhase> workspace_phases(const ModelShape& shape, int64_t seq_len);

/// How many tokens' logits the chunked output projection and cross-entropy hold at a time: as many
/// as `most_logits` hold, but no fewer than least_tokens.
struct HeadChunk {
  int64_t most_logits = 0;
  int64_t least_tokens = 0;
};

/// A chunk reads the output projection and reads and writes its f32 gradient, at least 8 bytes a
/// weight, for 6 FLOPs a weight and token. On a CPU that takes a tenth of the time of 128 tokens
/// and a fortieth of 512 (PERF.md); 16 MiB of logits, what small vocabularies get, stay in cache.
/// On a GPU memory is no slower than the products from some 800 tokens on (H100: 3.35 TB/s, 650
/// TFLOP/s reached); 512 MiB are 1,088 tokens of the largest vocabularies (128,256) and 2,688 of
/// GPT-2's.
inline constexpr HeadChunk kCpuHeadChunk{.most_logits = int64_t{1} << 22, .least_tokens = 512};
inline constexpr HeadChunk kGpuHeadChunk{.most_logits = int64_t{1} << 27, .least_tokens = 64};

/// min(tokens, max(least_tokens, most_logits / vocab)) rounded up to a multiple of 64, so that the
/// logits of a large batch are never stored as a whole.
int64_t head_chunk_tokens(int64_t vocab_size, int64_t n_tokens, const HeadChunk& chunk);

/// Elements between rows of logits on a GPU: a multiple of 128, so that every row of them and of
/// their gradient starts where the fastest products and vector loads may, whatever the vocabulary
/// (50,257: 50,304). What lies between the rows is never read.
constexpr int64_t gpu_logits_stride(int64_t vocab_size) { return round_up(vocab_size, 128); }

/// Bytes of a saved tensor for `n_tokens` tokens, rounded up to the arena's 256-byte alignment.
int64_t saved_bytes(const SavedTensor& tensor, int64_t n_tokens, int64_t compute_bytes);
/// The saved_bytes of all of a block's tensors, and of those that it keeps when `rerun` is run
/// again.
int64_t saved_bytes(const std::vector<SavedTensor>& tensors, int64_t n_tokens,
                    int64_t compute_bytes);
int64_t kept_bytes(const std::vector<SavedTensor>& tensors, BlockParts rerun, int64_t n_tokens,
                   int64_t compute_bytes);

}  // namespace isoflop
