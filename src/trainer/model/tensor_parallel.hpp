// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/device.hpp"

namespace isoflop {

/// What a block does at the borders of its sub-layers (attention, FFN) when a tensor-parallel group
/// of ranks splits them: each rank then has some of the heads and of the hidden units, and its last
/// product leaves a partial sum of the output. "Outside" is the residual stream with its norms,
/// "inside" the sub-layer. The two borders take two operators, each the other's gradient:
///
///                                   entry                  exit
///   forward                         gather(input)          reduce(out)
///   backward                        reduce(d_input)        gather(d_out)
///   backward, first weight          gather(input)
///
///                                   gather                 reduce
///   tensor parallel                 nothing (same view)    all-reduce in place
///   with sequence parallel          all-gather of rows     reduce-scatter of rows
///
/// The first are f and g of Megatron-LM (arXiv:1909.08053, section 3), the second g and g-bar of
/// arXiv:2205.05198, section 4.2.2: each rank has rows / n_rank rows of the stream outside, whose
/// input is gathered again in backward so that it need not be kept. A block that backward runs
/// again calls what its forward pass called, up to the last tensor that is missing. Calls are the
/// same in the same order on every rank and in every step.
///
/// Everything is enqueued; results may be used by what follows on exec.stream, which has then
/// waited for the end of any other stream's work on the views. Views that a hook takes from
/// exec.arena live until the block ends the scope around the call.
///
/// What an implementation finds ready: blocks take widths and rows from their tensors and from the
/// heads and d_ff of the shape they are made with. What is missing outside of the blocks:
///   - out_bias and ffn_out_bias are added by the last product, before the sum: one rank of the
///     group may have them. Their gradients come out whole on every rank.
///   - gradients of tensors that all ranks of the group have and use on a part: sums over the group
///     (qk_norm; under sequence parallel the norms), where gradients are reduced.
///   - Dropout counts tokens from a micro batch's row 0 and heads from 0: a rank's first row
///     (sequence parallel) and first head have to be added.
///   - core/model/activation_table.hpp, and with it Transformer and the memory model, has one
///     number of rows for all tensors and no phase for what hooks take from the arena.
///   - the embedding and the head, which are no sub-layers.
class TensorParallel {
 public:
  virtual ~TensorParallel() = default;

  /// The view inside of one from outside, (B T, C).
  virtual TensorView gather(const Exec& exec, TensorView outside) = 0;
  /// Where a product writes this rank's partial sum, (B T, C), that reduce() brings to `outside`.
  virtual TensorView partial(const Exec& exec, TensorView outside) = 0;
  /// outside = sum of `partial`, which the last call of partial() returned for it, over the group.
  virtual void reduce(const Exec& exec, TensorView outside, TensorView partial) = 0;
};

/// A group of one rank: inside is outside.
class NoTensorParallel final : public TensorParallel {
 public:
  TensorView gather(const Exec&, TensorView outside) override { return outside; }
  TensorView partial(const Exec&, TensorView outside) override { return outside; }
  void reduce(const Exec&, TensorView, TensorView) override {}
};

}  // namespace isoflop
