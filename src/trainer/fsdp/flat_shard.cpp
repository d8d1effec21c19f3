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

std::vector<int64_t> statistics_table(const FlatLayout& layout,
                                      const std::vector<ShardPiece>& pieces) {
  const std::vector<int64_t> first = first_tensors(layout);
  std::vector<int64_t> table(static_cast<std::size_t>(2 * first.back()), 0);
  for (const ShardPiece& piece : pieces) {
    const auto row =
        static_cast<std::size_t>(first[static_cast<std::size_t>(piece.unit)] + piece.segment);
    table[2 * row] = piece.shard_offset;
    table[2 * row + 1] = piece.size;
  }
  return table;
}

std::vector<UpdateSegment> adamw_table(const std::vector<AdamWPiece>& pieces) {
  std::vector<UpdateSegment> table;
  for (const AdamWPiece& piece : pieces)
    table.push_back({.size = piece.size,
                     .decayed = piece.decayed ? 1 : 0,
                     .params = piece.shard_offset,
                     .grads = piece.shard_offset,
                     .m = piece.moment_offset,
                     .v = piece.moment_offset,
                     .tensor = piece.tensor});
  return table;
}

std::vector<UpdateSegment> muon_table(const std::vector<MuonPiece>& pieces) {
  std::vector<UpdateSegment> table;
  for (const MuonPiece& piece : pieces)
    table.push_back({.size = piece.size,
                     .decayed = 1,
                     .params = piece.shard_offset,
                     .grads = piece.shard_offset,
                     .tensor = piece.tensor});
  return table;
}

}  // namespace

FlatShard::FlatShard(const Backend& backend, FlatLayout layout, int64_t shard,
                     OptimizerKind optimizer)
    : layout_(std::move(layout)),
      shard_(shard),
      dtype_(backend.master_dtype),
      n_tensor_(first_tensors(layout_).back()),
      pieces_(shard_pieces(layout_, shard)) {
  Device& device = *backend.device;
  const OptimizerState state = optimizer_state(layout_, shard, optimizer);
  n_adamw_piece_ = std::ssize(state.adamw);
  n_muon_piece_ = std::ssize(state.muon);
  moment_size_ = state.moment_size;
  const int64_t bytes = layout_.total_shard_size * size_of(dtype_);
  params_ = allocate_zeroed(device, bytes, MemoryCategory::parameters);
  grads_ = allocate_zeroed(device, bytes, MemoryCategory::gradients);
  m_ = allocate_zeroed(device, moment_size_ * size_of(dtype_), MemoryCategory::optimizer);
  v_ = allocate_zeroed(device, moment_size_ * size_of(dtype_), MemoryCategory::optimizer);
  statistics_segments_ = upload(device, statistics_table(layout_, pieces_));
  adamw_segments_ = upload(device, adamw_table(state.adamw));
  if (n_muon_piece_ > 0) muon_segments_ = upload(device, muon_table(state.muon));
}

TensorView FlatShard::part_of(TensorView flat, int64_t unit) const {
  const FlatUnit& whole = layout_.units[static_cast<std::size_t>(unit)];
  return flat.flat_slice(whole.shard_offset, {whole.shard_size(layout_.n_shard)});
}

}  // namespace isoflop
