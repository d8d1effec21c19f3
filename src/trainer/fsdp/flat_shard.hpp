// SPDX-License-Identifier: MIT
#pragma once

#include "core/parallel/flat_layout.hpp"
#include "core/parallel/optimizer_state.hpp"
#include "trainer/backend/backend.hpp"
#include "trainer/backend/update_segment.hpp"

#include <array>
#include <vector>

namespace isoflop {

/// Whether a rank holds the parameters, or the gradients, of the whole model: its shard then lies
/// among them, at its place in every unit, and not packed.
struct FlatPlacement {
  bool whole_params = false;
  bool whole_grads = false;
};

/// Flat units that AdamW updates together. The views begin with the units' first element of this
/// rank's shard and end with their last; the rows' places are within them.
struct UpdateGroup {
  TensorView params, m, v, grads;
  TensorView segments;  ///< (n, kUpdateColumns) i64 for Ops::adamw: AdamWPiece by AdamWPiece
};

/// What one rank keeps between steps: its shard of the parameters, gradients and moments in master
/// dtype, and the tables that say which tensors lie where in it. Without sharding the shard
/// is everything. Pieces of the shard may be read and written; what lies between them where a rank
/// holds the whole belongs to other ranks.
class FlatShard {
 public:
  /// Everything starts as zero, padding included.
  FlatShard(const Backend& backend, FlatLayout layout, int64_t shard,
            OptimizerKind optimizer = OptimizerKind::adamw, FlatPlacement placement = {});

  const FlatLayout& layout() const { return layout_; }
  /// Index of this shard, 0 to layout().n_shard - 1.
  int64_t shard() const { return shard_; }
  const std::vector<ShardPiece>& pieces() const { return pieces_; }
  /// Those that AdamW updates, with the places of their moments in m() and v().
  const std::vector<AdamWPiece>& adamw_pieces() const { return adamw_pieces_; }
  /// Tensors of the whole model.
  int64_t n_tensor() const { return n_tensor_; }

  // (layout().total_shard_size), or (layout().total_size()) where the rank holds the whole
  TensorView params() const { return params_.view(dtype_, {size_of_all(placement_.whole_params)}); }
  TensorView grads() const { return grads_.view(dtype_, {size_of_all(placement_.whole_grads)}); }
  /// What params() and grads() are views of.
  const Buffer& params_buffer() const { return params_; }
  const Buffer& grads_buffer() const { return grads_; }
  /// Moments of what AdamW updates: OptimizerState::moment_size.
  TensorView m() const { return m_.view(dtype_, {moment_size_}); }
  TensorView v() const { return v_.view(dtype_, {moment_size_}); }

  /// Where the shard of a flat unit starts in params() and in grads(), elements.
  int64_t params_offset(int64_t unit) const { return offset_of(unit, placement_.whole_params); }
  int64_t grads_offset(int64_t unit) const { return offset_of(unit, placement_.whole_grads); }
  /// Where a piece of the shard lies in them.
  int64_t params_offset(const ShardPiece& piece) const {
    return params_offset(piece.unit) + offset_in_shard(piece.unit, piece.shard_offset);
  }
  int64_t grads_offset(const ShardPiece& piece) const {
    return grads_offset(piece.unit) + offset_in_shard(piece.unit, piece.shard_offset);
  }
  /// The flat unit's shard: (unit.size / n_shard).
  TensorView params_of(int64_t unit) const;
  TensorView grads_of(int64_t unit) const;

  /// (n_tensor, 2) i64 offset in grads(), size for Ops::segment_statistics: row i is the part of
  /// the model's tensor i (units in order, tensors in order) that this shard holds, of size 0 when
  /// it holds none. Rows mean the same tensor on every rank, so results reduce over Group::shard as
  /// they are.
  TensorView statistics_segments() const {
    return statistics_segments_.view(DType::i64, {n_tensor_, 2});
  }
  /// What AdamW updates: the first n_early_unit() flat units, then the others. A rank may have no
  /// rows in either.
  const std::array<UpdateGroup, 2>& update_groups() const { return update_groups_; }
  /// Flat units that a forward pass needs first and that two buffers hold, with the tied embedding.
  int64_t n_early_unit() const;
  /// (n, kUpdateColumns) i64 for Ops::apply_updates, with the updates in place of gradients: piece
  /// by piece.
  TensorView muon_segments() const {
    return muon_segments_.view(DType::i64, {n_muon_piece_, kUpdateColumns});
  }

 private:
  const FlatUnit& unit_at(int64_t unit) const {
    return layout_.units[static_cast<std::size_t>(unit)];
  }
  int64_t size_of_all(bool whole) const {
    return whole ? layout_.total_size() : layout_.total_shard_size;
  }
  int64_t offset_of(int64_t unit, bool whole) const;
  int64_t offset_in_shard(int64_t unit, int64_t shard_offset) const {
    return shard_offset - unit_at(unit).shard_offset;
  }
  std::vector<int64_t> statistics_table() const;
  /// Size, places and tensor of a piece, as AdamW's and Muon's tables have them.
  UpdateSegment segment_of(const ShardPiece& piece) const;
  /// Of the flat units [first, end): the table, with places in the group's views, which are set.
  std::vector<UpdateSegment> make_group(UpdateGroup& group, int64_t first, int64_t end) const;
  void make_update_group(Device& device, std::size_t index, int64_t first, int64_t end);
  std::vector<UpdateSegment> muon_table(const std::vector<ShardPiece>& pieces) const;

  FlatLayout layout_;
  int64_t shard_;
  FlatPlacement placement_;
  DType dtype_;
  int64_t n_tensor_ = 0;
  int64_t n_muon_piece_ = 0;
  int64_t moment_size_ = 0;
  std::vector<ShardPiece> pieces_;
  std::vector<AdamWPiece> adamw_pieces_;
  Buffer params_;
  Buffer grads_;
  Buffer m_;
  Buffer v_;
  Buffer statistics_segments_;
  std::array<UpdateGroup, 2> update_groups_;
  std::array<Buffer, 2> update_tables_;  ///< of the groups
  Buffer muon_segments_;
};

}  // namespace isoflop
