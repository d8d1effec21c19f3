// SPDX-License-Identifier: MIT
#include "trainer/fsdp/flat_shard.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace isoflop {
namespace {

Buffer zeroed(Device& device, Buffer buffer) {
  device.zero(buffer.data(), buffer.bytes(), device.compute_stream());
  return buffer;
}

/// A device copy of a host table, none of an empty one; the host waits.
template <typename Row>
Buffer upload(Device& device, const std::vector<Row>& table) {
  if (table.empty()) return {};
  const int64_t bytes = static_cast<int64_t>(table.size() * sizeof(Row));
  const Buffer staging = device.allocate_pinned(bytes);
  std::memcpy(staging.data(), table.data(), static_cast<std::size_t>(bytes));
  Buffer buffer = device.allocate(bytes, MemoryCategory::state);
  device.copy(buffer.data(), staging.data(), bytes, device.compute_stream());
  device.synchronize(device.record(device.compute_stream()));
  return buffer;
}

int64_t count_tensors(const FlatLayout& layout) {
  int64_t n = 0;
  for (const FlatUnit& unit : layout.units) n += std::ssize(unit.segments);
  return n;
}

}  // namespace

FlatShard::FlatShard(const Backend& backend, FlatLayout layout, int64_t shard,
                     OptimizerKind optimizer, FlatPlacement placement)
    : layout_(std::move(layout)),
      shard_(shard),
      placement_(placement),
      dtype_(backend.master_dtype),
      n_tensor_(count_tensors(layout_)),
      pieces_(shard_pieces(layout_, shard)) {
  Device& device = *backend.device;
  const OptimizerState state = optimizer_state(layout_, shard, optimizer);
  adamw_pieces_ = state.adamw;
  n_muon_piece_ = std::ssize(state.muon);
  moment_size_ = state.moment_size;
  const int64_t width = size_of(dtype_);
  const int64_t params_bytes = size_of_all(placement.whole_params) * width;
  const bool is_gathered = layout_.n_shard > 1 && backend.compute_dtype == dtype_;
  params_ = zeroed(device, is_gathered ? device.allocate_for_collectives(params_bytes,
                                                                         MemoryCategory::parameters)
                                       : device.allocate(params_bytes, MemoryCategory::parameters));
  grads_ =
      zeroed(device, device.allocate_for_collectives(size_of_all(placement.whole_grads) * width,
                                                     MemoryCategory::gradients));
  m_ = zeroed(device, device.allocate(moment_size_ * width, MemoryCategory::optimizer));
  v_ = zeroed(device, device.allocate(moment_size_ * width, MemoryCategory::optimizer));
  statistics_segments_ = upload(device, statistics_table());
  const int64_t n_unit = std::ssize(layout_.units);
  make_update_group(device, 0, 0, n_early_unit());
  make_update_group(device, 1, n_early_unit(), n_unit);
  muon_segments_ = upload(device, muon_table(state.muon));
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
  std::vector<int64_t> table(static_cast<std::size_t>(2 * n_tensor_), 0);
  for (const ShardPiece& piece : pieces_) {
    const auto row = static_cast<std::size_t>(piece.tensor);
    table[2 * row] = grads_offset(piece);
    table[2 * row + 1] = piece.size;
  }
  return table;
}

UpdateSegment FlatShard::segment_of(const ShardPiece& piece) const {
  return {.size = piece.size,
          .params = params_offset(piece),
          .grads = grads_offset(piece),
          .tensor = piece.tensor};
}

int64_t FlatShard::n_early_unit() const {
  const int64_t n = layout_.resident_size > 0 ? 3 : 2;
  return std::min<int64_t>(n, std::ssize(layout_.units));
}

void FlatShard::make_update_group(Device& device, std::size_t index, int64_t first, int64_t end) {
  UpdateGroup& group = update_groups_[index];
  const std::vector<UpdateSegment> table = make_group(group, first, end);
  update_tables_[index] = upload(device, table);
  group.segments =
      TensorView(update_tables_[index].data(), DType::i64, {std::ssize(table), kUpdateColumns});
}

std::vector<UpdateSegment> FlatShard::make_group(UpdateGroup& group, int64_t first,
                                                 int64_t end) const {
  std::vector<UpdateSegment> table;
  for (const AdamWPiece& of_adamw : adamw_pieces_) {
    if (of_adamw.piece.unit < first || of_adamw.piece.unit >= end) continue;
    UpdateSegment& segment = table.emplace_back(segment_of(of_adamw.piece));
    segment.decayed = of_adamw.decayed ? 1 : 0;
    segment.m = segment.v = of_adamw.moment_offset;
  }
  if (table.empty()) return table;
  const UpdateSegment begin = table.front(), last = table.back();
  for (UpdateSegment& segment : table) {
    segment.params -= begin.params;
    segment.grads -= begin.grads;
    segment.m -= begin.m;
    segment.v -= begin.v;
  }
  const auto part = [&](const TensorView& whole, int64_t UpdateSegment::*place) {
    return whole.flat_slice(begin.*place, {last.*place + last.size - begin.*place});
  };
  group.params = part(params(), &UpdateSegment::params);
  group.grads = part(grads(), &UpdateSegment::grads);
  group.m = part(m(), &UpdateSegment::m);
  group.v = part(v(), &UpdateSegment::v);
  return table;
}

std::vector<UpdateSegment> FlatShard::muon_table(const std::vector<ShardPiece>& pieces) const {
  std::vector<UpdateSegment> table;
  for (const ShardPiece& piece : pieces) table.emplace_back(segment_of(piece)).decayed = 1;
  return table;
}

}  // namespace isoflop
