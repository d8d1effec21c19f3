// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/comm/element_reduction.hpp"
#include "trainer/comm/peer_links.hpp"
#include "trainer/comm/process_grid.hpp"

#include <span>
#include <vector>

namespace isoflop {

/// Memory in as many parts as a group has ranks, equal to an element.
struct RingParts {
  std::byte* data = nullptr;
  int64_t n_elements = 0;
  int64_t element_bytes = 1;
  int n_parts = 1;

  std::span<std::byte> part(int index) const;
};

/// One collective call of one rank, run on a ring of its group: each rank sends to the next one and
/// receives from the one before, all at the same time. Patarasuk and Yuan 2009
/// (doi:10.1016/j.jpdc.2008.09.002) show that this moves as few bytes as possible.
class Ring {
 public:
  /// Bytes that are sent at a time where what was received is needed for what is sent next.
  static constexpr std::size_t kSegment = 256 * 1024;
  static constexpr std::size_t kScratch = 2 * kSegment;

  /// `scratch` has kScratch bytes.
  Ring(PeerLinks& links, const GridGroup& group, std::span<std::byte> scratch,
       const CallIdentity& call);

  /// Each rank's own part on all.
  void all_gather(const RingParts& parts) const;
  /// out = this rank's part of the reduction, where it may lie in `in`; nothing else is written.
  /// The part of rank r is (((x[r+1] op x[r+2]) op ...) op x[r]).
  void reduce_scatter(std::byte* out, const RingParts& in, ElementReduction reduce) const;
  void broadcast(std::span<std::byte> bytes, int root) const;
  /// `of_root[i]`: what every rank gets from rank i.
  void broadcast_each(const std::vector<std::vector<std::span<std::byte>>>& of_root) const;
  /// Rank i gets sends[i] and gives receives[i]; both are empty where there is no message.
  void exchange(const std::vector<std::span<std::byte>>& sends,
                const std::vector<std::span<std::byte>>& receives) const;

 private:
  /// Index in the group, `steps` places after this rank.
  int at(int steps) const;
  void transfer(int to, std::span<const std::byte> out, int from, std::span<std::byte> in) const;
  void pass_on(std::span<const std::byte> out, std::span<std::byte> in) const;
  void reduce_segment(std::byte* out, const RingParts& in, std::size_t segment,
                      ElementReduction reduce) const;

  PeerLinks& links_;
  const GridGroup& group_;
  std::span<std::byte> sum_;
  std::span<std::byte> received_;
  CallIdentity call_;
};

}  // namespace isoflop
