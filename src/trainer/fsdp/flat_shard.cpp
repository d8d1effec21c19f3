// SPDX-License-Identifier: MIT
#include "trainer/fsdp/flat_shard.hpp"

#include <cstring>
#include <utility>

namespace isoflop {
namespace {

Buffer allocate_zeroed(Device& device, int64_t bytes, MemoryCategory category) {
  Buffer buffer = device.allocate(bytes, category);
  device.zero(buffer.data(), bytes, device.compute_stream());
  return buffer;
}

/// A device copy of a host table; the host waits.
template <typename Row>
Buffer upload(Device& device, const std::vector<Row>& table) {
  const int64_t bytes = static_cast<int64_t>(table.size() * sizeof(Row));
  const Buffer staging = device.allocate_pinned(bytes);
  std::memcpy(staging.data(), table.data(), static_cast<std::size_t>(bytes));
  Buffer buffer = device.allocate(bytes, MemoryCategory::state);
  device.copy(buffer.data(), staging.data(), bytes, device.compute_stream());
  device.synchronize(device.record(device.compute_stream()));
  return buffer;
}

/// Number of the unit's first tensor among all of the model, by unit; last, the number of tensors.
std::vector<int64_t> first_tensors(const FlatLayout& layout) {
  std::vector<int64_t> first = {0};
  for (const FlatUnit& unit : layout.units)
    first.push_back(first.back() + static_cast<int64_t>(unit.segments.size()));
  return first;
}

}  // namespace

FlatShard::FlatShard(const Backend& backend, FlatLayout layout, int64_t shard,
                     OptimizerKind optimizer, FlatPlacement placement)
    : layout_(std::move(layout)),
      shard_(shard),
      placement_(placement),
      dtype_(backend.master_dtype),
      n_tensor_(first_tensors(layout_).back()),
      pieces_(shard_pieces(layout_, shard)) {
  Device& device = *backend.device;
  const OptimizerState state = optimizer_state(layout_, shard, optimizer);
  n_adamw_piece_ = std::ssize(state.adamw);
  n_muon_piece_ = std::ssize(state.muon);
  moment_size_ = state.moment_size;
  const int64_t width = size_of(dtype_);
  params_ = allocate_zeroed(device, size_of_all(placement.whole_params) * width,
                            MemoryCategory::parameters);
  grads_ = allocate_zeroed(device, size_of_all(placement.whole_grads) * width,
                           MemoryCategory::gradients);
  m_ = allocate_zeroed(device, moment_size_ * width, MemoryCategory::optimizer);
  v_ = allocate_zeroed(device, moment_size_ * width, MemoryCategory::optimizer);
  statistics_segments_ = upload(device, statistics_table());
  adamw_segments_ = upload(device, adamw_table(state.adamw));
  if (n_muon_piece_ > 0) muon_segments_ = upload(device, muon_table(state.muon));
}

TensorView FlatShard::params_of(int64_t unit) const {
  return params().flat_slice(params_offset(unit), {unit_at(unit).shard_size(layout_.n_shard)});
}

TensorView FlatShard::grads_of(int64_t unit) const {
  return grads().flat_slice(grads_offset(unit), {unit_at(unit).shard_size(layout_.n_shard)});
}

int64_t FlatShard::offset_of(int64_t unit, bool whole) const {
  const FlatUnit& flat = unit_at(unit);
  return whole ? flat.offset + shard_ * flat.shard_size(layout_.n_shard) : flat.shard_offset;
}

std::vector<int64_t> FlatShard::statistics_table() const {
  const std::vector<int64_t> first = first_tensors(layout_);
  std::vector<int64_t> table(static_cast<std::size_t>(2 * n_tensor_), 0);
  for (const ShardPiece& piece : pieces_) {
    const auto row =
        static_cast<std::size_t>(first[static_cast<std::size_t>(piece.unit)] + piece.segment);
    table[2 * row] = grads_offset(piece);
    table[2 * row + 1] = piece.size;
  }
  return table;
}

template <typename Piece>
UpdateSegment FlatShard::segment_of(const Piece& piece) const {
  const int64_t in_shard = offset_in_shard(piece.unit, piece.shard_offset);
  return {.size = piece.size,
          .params = params_offset(piece.unit) + in_shard,
          .grads = grads_offset(piece.unit) + in_shard,
          .tensor = piece.tensor};
}

std::vector<UpdateSegment> FlatShard::adamw_table(const std::vector<AdamWPiece>& pieces) const {
  std::vector<UpdateSegment> table;
  for (const AdamWPiece& piece : pieces) {
    UpdateSegment& segment = table.emplace_back(segment_of(piece));
    segment.decayed = piece.decayed ? 1 : 0;
    segment.m = segment.v = piece.moment_offset;
  }
  return table;
}

std::vector<UpdateSegment> FlatShard::muon_table(const std::vector<MuonPiece>& pieces) const {
  std::vector<UpdateSegment> table;
  for (const MuonPiece& piece : pieces) table.emplace_back(segment_of(piece)).decayed = 1;
  return table;
}

}  // namespace isoflop
