// SPDX-License-Identifier: MIT
#include "core/parallel/flat_layout.hpp"

#include "core/base/check.hpp"
#include "core/base/round_up.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace isoflop {
namespace {

using UnitGroup = std::vector<ParameterUnit>;

int64_t n_params(const UnitGroup& group) {
  int64_t sum = 0;
  for (const ParameterUnit& unit : group)
    for (const ParameterTensor& tensor : unit.tensors) sum += tensor.size();
  return sum;
}

/// Units that share a flat unit.
std::vector<UnitGroup> group_units(std::vector<ParameterUnit> units, int64_t min_params,
                                   bool first_stays_alone) {
  std::vector<UnitGroup> groups;
  const auto may_grow = [&] {
    return !groups.empty() && !(first_stays_alone && groups.size() == 1);
  };
  for (ParameterUnit& unit : units) {
    if (!may_grow() || n_params(groups.back()) >= min_params) groups.emplace_back();
    groups.back().push_back(std::move(unit));
  }
  if (n_params(groups.back()) < min_params) {
    UnitGroup rest = std::move(groups.back());
    groups.pop_back();
    if (!may_grow()) groups.emplace_back();
    std::move(rest.begin(), rest.end(), std::back_inserter(groups.back()));
  }
  return groups;
}

/// Appends the group to `layout` as one flat unit.
void add_unit(FlatLayout& layout, const UnitGroup& group) {
  FlatUnit flat;
  flat.name = group.size() == 1 ? group.front().name
                                : fmt::format("{} to {}", group.front().name, group.back().name);
  flat.n_model_unit = std::ssize(group);
  flat.offset = layout.total_size();
  flat.shard_offset = layout.total_shard_size;
  int64_t offset = 0;
  for (const ParameterUnit& unit : group) {
    layout.model_units.push_back({.name = unit.name,
                                  .flat_unit = std::ssize(layout.units),
                                  .first_segment = std::ssize(flat.segments),
                                  .n_segment = std::ssize(unit.tensors)});
    for (const ParameterTensor& tensor : unit.tensors) {
      flat.segments.push_back({tensor, offset});
      offset = round_up(offset + tensor.size(), kFlatAlignment);
    }
  }
  flat.size = round_up(offset, layout.n_shard * kFlatAlignment);
  layout.total_shard_size += flat.shard_size(layout.n_shard);
  layout.max_unit_size = std::max(layout.max_unit_size, flat.size);
  layout.units.push_back(std::move(flat));
}

}  // namespace

FlatLayout make_flat_layout(const ModelShape& shape, int64_t n_shard, int64_t min_unit_params) {
  ISOFLOP_CHECK(n_shard >= 1);
  FlatLayout layout;
  layout.n_shard = n_shard;
  for (const UnitGroup& group :
       group_units(parameter_units(shape), min_unit_params, shape.tied_embeddings))
    add_unit(layout, group);
  if (shape.tied_embeddings) layout.resident_size = layout.units.front().size;
  for (std::size_t u = shape.tied_embeddings ? 1 : 0; u < layout.units.size(); ++u)
    layout.max_streamed_size = std::max(layout.max_streamed_size, layout.units[u].size);
  return layout;
}

FlatLayout make_flat_layout(const ModelShape& shape, const Layout& layout) {
  return make_flat_layout(shape, layout.n_shard, layout.min_unit_params);
}

std::vector<ShardPiece> shard_pieces(const FlatLayout& layout, int64_t shard) {
  ISOFLOP_CHECK(shard >= 0 && shard < layout.n_shard);
  std::vector<ShardPiece> pieces;
  int64_t n_tensor = 0;
  for (int64_t u = 0; u < std::ssize(layout.units); ++u) {
    const FlatUnit& unit = layout.units[static_cast<std::size_t>(u)];
    for (int64_t s = 0; s < std::ssize(unit.segments); ++s, ++n_tensor) {
      const FlatSegment& segment = unit.segments[static_cast<std::size_t>(s)];
      if (const std::optional<RangePiece> piece =
              piece_of_range(unit, layout.n_shard, shard, segment.offset, segment.tensor.size()))
        pieces.push_back({.unit = u,
                          .segment = s,
                          .shard_offset = unit.shard_offset + piece->shard_offset,
                          .tensor_offset = piece->range_offset,
                          .size = piece->size,
                          .tensor = n_tensor});
    }
  }
  return pieces;
}

const ParameterTensor& tensor_of(const FlatLayout& layout, const ShardPiece& piece) {
  const FlatUnit& unit = layout.units[static_cast<std::size_t>(piece.unit)];
  return unit.segments[static_cast<std::size_t>(piece.segment)].tensor;
}

std::optional<RangePiece> piece_of_range(const FlatUnit& unit, int64_t n_shard, int64_t shard,
                                         int64_t offset, int64_t size) {
  const int64_t shard_begin = shard * unit.shard_size(n_shard);
  const int64_t begin = std::max(offset, shard_begin);
  const int64_t end = std::min(offset + size, shard_begin + unit.shard_size(n_shard));
  if (begin >= end) return std::nullopt;
  return RangePiece{
      .shard_offset = begin - shard_begin, .range_offset = begin - offset, .size = end - begin};
}

}  // namespace isoflop
