// SPDX-License-Identifier: MIT
#include "core/model/recompute.hpp"

#include "core/base/check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace isoflop {
namespace {

using Ranges = std::vector<RecomputeRange>;

void append(Ranges& ranges, const RecomputeRange& range) {
  if (range.n_block() > 0) ranges.push_back(range);
}

std::string to_string(const RecomputeRange& range) {
  return fmt::format("{} for block{} {}", to_string(range.parts), range.n_block() == 1 ? "" : "s",
                     blocks_text(range));
}

}  // namespace

std::string to_string(BlockParts parts) {
  const std::string mode = enum_name(kRecomputeNames, parts.mode());
  if (parts.mode() != Recompute::selective) return mode;
  std::string names;
  for (const auto& [part, name] : kRecomputeOpNames)
    if (parts.has(part)) names += fmt::format("{}{}", names.empty() ? "" : ", ", name);
  return fmt::format("{} ({})", mode, names);
}

std::string blocks_text(const RecomputeRange& range) {
  return range.n_block() == 1 ? fmt::format("{}", range.first)
                              : fmt::format("{}-{}", range.first, range.last);
}

RecomputePlan::RecomputePlan(std::vector<RecomputeRange> ranges) : ranges_(std::move(ranges)) {
  std::ranges::sort(ranges_, {}, &RecomputeRange::first);
  for (std::size_t i = 1; i < ranges_.size(); ++i)
    ISOFLOP_CHECK(ranges_[i - 1].last < ranges_[i].first);
}

BlockParts RecomputePlan::parts(int64_t block) const {
  if (is_uniform()) return all_;
  for (const RecomputeRange& range : ranges_) {
    if (range.first <= block && block <= range.last) return range.parts;
  }
  return {};
}

std::vector<RecomputeRange> RecomputePlan::ranges(int64_t n_layer) const {
  if (is_uniform()) return {{0, n_layer - 1, all_}};
  Ranges result;
  int64_t next = 0;
  for (const RecomputeRange& range : ranges_) {
    append(result, {next, range.first - 1, {}});
    result.push_back(range);
    next = range.last + 1;
  }
  append(result, {next, n_layer - 1, {}});
  return result;
}

BlockParts RecomputePlan::parts_of_any() const {
  BlockParts parts = all_;
  for (const RecomputeRange& range : ranges_) parts = parts | range.parts;
  return parts;
}

RecomputePlan RecomputePlan::in_backward(int64_t n_layer) const {
  Ranges ranges = this->ranges(n_layer);
  std::ranges::reverse(ranges);
  Ranges result;
  BlockParts later;
  for (const RecomputeRange& range : ranges) {
    append(result, {range.last, range.last, range.parts & later});
    append(result, {range.first, range.last - 1, range.parts});
    later = later | range.parts;
  }
  return RecomputePlan(std::move(result));
}

std::string to_string(const RecomputePlan& plan) {
  if (plan.is_uniform()) return to_string(plan.parts(0));
  std::string text;
  for (const RecomputeRange& range : plan.given_ranges())
    text += (text.empty() ? "" : ", ") + to_string(range);
  return text;
}

}  // namespace isoflop
