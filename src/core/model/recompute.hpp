// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/enum_names.hpp"

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

namespace isoflop {

/// What becomes of a block's activations: none keeps all of them for the backward pass, selective
/// gives up those of some parts, full all but the block's input; what is given up is run again in
/// backward (Chen et al., arXiv:1604.06174; selective: Korthikanti et al., arXiv:2205.05198).
enum class Recompute { none, selective, full };

/// The parts of a block that can be run again:
///   norms        norm outputs, from the residual stream
///   activations  the FFN's activated hidden units, from what its first product left
///   attention    attention's output and softmax statistics, from queries, keys and values
///   rest         everything else, which takes a run of the whole block from its input
enum class BlockPart : uint8_t { norms = 1, activations = 2, attention = 4, rest = 8 };

inline constexpr std::array kRecomputeNames = {
    EnumName{Recompute::none, "none"},
    EnumName{Recompute::selective, "selective"},
    EnumName{Recompute::full, "full"},
};
/// Of what selective runs again.
inline constexpr std::array kRecomputeOpNames = {
    EnumName{BlockPart::norms, "norms"},
    EnumName{BlockPart::activations, "activations"},
    EnumName{BlockPart::attention, "attention"},
};

/// A set of block parts. `rest` brings all others with it.
class BlockParts {
 public:
  constexpr BlockParts() = default;
  constexpr BlockParts(std::initializer_list<BlockPart> parts) {
    for (const BlockPart part : parts) bits_ |= part == BlockPart::rest ? kAll : bit(part);
  }
  /// selective: every part that is cheaper than the whole block.
  constexpr explicit BlockParts(Recompute mode) {
    if (mode == Recompute::full) bits_ = kAll;
    if (mode == Recompute::selective) bits_ = kAll & ~bit(BlockPart::rest);
  }

  constexpr bool has(BlockPart part) const { return (bits_ & bit(part)) != 0; }
  /// That part from what the block saved, without a run of the whole block.
  constexpr bool has_alone(BlockPart part) const { return has(part) && !has(BlockPart::rest); }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr Recompute mode() const {
    if (empty()) return Recompute::none;
    return has(BlockPart::rest) ? Recompute::full : Recompute::selective;
  }
  constexpr BlockParts operator|(BlockParts other) const { return from(bits_ | other.bits_); }
  constexpr BlockParts operator&(BlockParts other) const { return from(bits_ & other.bits_); }
  constexpr bool operator==(const BlockParts&) const = default;

 private:
  static constexpr unsigned kAll = 15;
  static constexpr unsigned bit(BlockPart part) { return static_cast<unsigned>(part); }
  static constexpr BlockParts from(unsigned bits) {
    BlockParts parts;
    parts.bits_ = bits;
    return parts;
  }

  unsigned bits_ = 0;
};

/// "none", "selective (norms, attention)", "full".
std::string to_string(BlockParts parts);

/// Blocks first to last and the parts of each that are run again.
struct RecomputeRange {
  int64_t first = 0;
  int64_t last = 0;  ///< inclusive
  BlockParts parts;

  int64_t n_block() const { return last - first + 1; }
  bool operator==(const RecomputeRange&) const = default;
};

/// "3", "0-7".
std::string blocks_text(const RecomputeRange& range);

/// What is run again of every block of a model: the same of all, which is cheap to copy, or by
/// ranges.
class RecomputePlan {
 public:
  constexpr RecomputePlan(Recompute mode = Recompute::none) : all_(mode) {}
  constexpr RecomputePlan(BlockParts parts) : all_(parts) {}
  /// Disjoint ranges; blocks outside them keep everything.
  explicit RecomputePlan(std::vector<RecomputeRange> ranges);

  bool is_uniform() const { return ranges_.empty(); }
  /// The ranges given, by their first block; none when uniform.
  const std::vector<RecomputeRange>& given_ranges() const { return ranges_; }
  BlockParts parts(int64_t block) const;
  /// Covers blocks 0 to n_layer - 1 in order.
  std::vector<RecomputeRange> ranges(int64_t n_layer) const;
  /// What some block runs again: what all of them share memory for.
  BlockParts parts_of_any() const;
  /// What the backward pass has to run again. The memory of what is given up is shared by the
  /// blocks, so that the last block with a part has what it needs still in it when backward comes
  /// to it: only blocks in front of it run that part again.
  RecomputePlan in_backward(int64_t n_layer) const;

  bool operator==(const RecomputePlan&) const = default;

 private:
  BlockParts all_;
  std::vector<RecomputeRange> ranges_;
};

/// "full", "full for blocks 0-7, selective (norms, activations) for block 8".
std::string to_string(const RecomputePlan& plan);

}  // namespace isoflop
