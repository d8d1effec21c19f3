// SPDX-License-Identifier: MIT
#pragma once

#include "core/parallel/flat_layout.hpp"
#include "core/parallel/optimizer_state.hpp"
#include "trainer/backend/backend.hpp"
#include "trainer/backend/update_segment.hpp"

#include <vector>

namespace isoflop {

/// What one rank keeps between steps: its shard of the parameters, gradients and moments in master
/// dtype, and the tables that say which tensors lie where in it. Without sharding the shard
/// is everything.
class FlatShard {
 public:
  /// Everything starts as zero, padding included.
  FlatShard(const Backend& backend, FlatLayout layout, int64_t shard,
            OptimizerKind optimizer = OptimizerKind::adamw);

  const FlatLayout& layout() const { return layout_; }
  /// Index of this shard, 0 to layout().n_shard - 1.
  int64_t shard() const { return shard_; }
  const std::vector<ShardPiece>& pieces() const { return pieces_; }
  /// Tensors of the whole model.
  int64_t n_tensor() const { return n_tensor_; }

  // (layout().total_shard_size)
  TensorView params() const { return params_.view(dtype_, {layout_.total_shard_size}); }
  TensorView grads() const { return grads_.view(dtype_, {layout_.total_shard_size}); }
  /// Moments of what AdamW updates: OptimizerState::moment_size.
  TensorView m() const { return m_.view(dtype_, {moment_size_}); }
  TensorView v() const { return v_.view(dtype_, {moment_size_}); }

  /// The unit's shard: (unit.size / n_shard).
  TensorView params_of(int64_t unit) const { return part_of(params(), unit); }
  TensorView grads_of(int64_t unit) const { return part_of(grads(), unit); }

  /// (n_tensor, 2) i64 offset, size for Ops::segment_statistics: row i is the part of the model's
  /// tensor i (units in order, tensors in order) that this shard holds, of size 0 when it holds
  /// none. Rows mean the same tensor on every rank, so results reduce over Group::shard as they
  /// are.
  TensorView statistics_segments() const {
    return statistics_segments_.view(DType::i64, {n_tensor_, 2});
  }
  /// (n, kUpdateColumns) i64 for Ops::adamw: AdamWPiece by AdamWPiece.
  TensorView adamw_segments() const {
    return adamw_segments_.view(DType::i64, {n_adamw_piece_, kUpdateColumns});
  }
  /// Likewise for Ops::apply_updates, with the updates in place of gradients: MuonPiece by
  /// MuonPiece.
  TensorView muon_segments() const {
    return muon_segments_.view(DType::i64, {n_muon_piece_, kUpdateColumns});
  }

 private:
  TensorView part_of(TensorView flat, int64_t unit) const;

  FlatLayout layout_;
  int64_t shard_;
  DType dtype_;
  int64_t n_tensor_ = 0;
  int64_t n_adamw_piece_ = 0;
  int64_t n_muon_piece_ = 0;
  int64_t moment_size_ = 0;
  std::vector<ShardPiece> pieces_;
  Buffer params_;
  Buffer grads_;
  Buffer m_;
  Buffer v_;
  Buffer statistics_segments_;
  Buffer adamw_segments_;
  Buffer muon_segments_;
};

}  // namespace isoflop
