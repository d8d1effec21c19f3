// SPDX-License-Identifier: MIT
#pragma once

#include "emulation/warp_gate.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

namespace isoflop::emulation {

/// Counts the barriers of one warp; an access before a barrier has a lower time than one after.
struct WarpClock {
  uint32_t now = 0;               ///< raised by __syncwarp and __syncthreads
  uint32_t at_block_barrier = 0;  ///< `now` just after the last __syncthreads
};

/// One access of a kernel thread: who, and when by the clock of its warp. Threads have serial
/// numbers from 1 through all launches, in blocks as these run one after another.
class Stamp {
 public:
  Stamp() = default;
  Stamp(int64_t serial, uint32_t time) : bits_(serial << kTimeBits | (time & kTimeMask)) {}
  bool is_nobody() const { return bits_ == 0; }
  int64_t serial() const { return bits_ >> kTimeBits; }
  uint32_t time() const { return static_cast<uint32_t>(bits_ & kTimeMask); }
  bool operator==(const Stamp&) const = default;

 private:
  static constexpr int kTimeBits = 24;
  static constexpr int64_t kTimeMask = (int64_t{1} << kTimeBits) - 1;
  int64_t bits_ = 0;
};

/// How an access in the history relates to the one that is being made.
enum class Relation {
  forgotten,  ///< too old to be of any concern
  before,     ///< by the same thread, or separated by a barrier
  same_warp,  ///< unordered, in ascending distance
  same_block,
  other_block
};

/// The thread that makes an access, and what its block knows of the order of earlier ones.
struct Accessor {
  int thread = 0;            ///< in the block
  int64_t block_serial = 0;  ///< of the block's thread 0
  std::span<const WarpClock> clocks;

  Stamp stamp() const { return {block_serial + thread, clocks[warp_of(thread)].now}; }

  /// Stamps of threads before `oldest` are forgotten.
  Relation relation(Stamp earlier, int64_t oldest) const {
    const int64_t serial = earlier.serial();
    if (serial < oldest) return Relation::forgotten;
    if (serial < block_serial) return Relation::other_block;
    const auto other = static_cast<int>(serial - block_serial);
    if (other == thread) return Relation::before;
    const WarpClock& clock = clocks[warp_of(other)];
    if (warp_of(other) == warp_of(thread))
      return earlier.time() < clock.now ? Relation::before : Relation::same_warp;
    return earlier.time() < clock.at_block_barrier ? Relation::before : Relation::same_block;
  }

 private:
  static std::size_t warp_of(int thread) {
    return static_cast<std::size_t>(thread) / WarpGate::kLanes;
  }
};

/// The earlier of two accesses with no order, of which one writes; nobody's if there is none.
struct Race {
  Stamp first;
  bool first_writes = false;
};

/// Who touched which bytes last, to find races between threads of one kernel. Kept by page in
/// granules as fine as the accesses that were made, so that neighbours never count as one.
class ThreadHistory {
 public:
  static constexpr std::size_t kPageBytes = 4096;

  /// Adds an access that lies within one page, after comparing it with those since `oldest`.
  Race add(uintptr_t address, std::size_t bytes, bool is_write, const Accessor& accessor,
           int64_t oldest);
  /// Forgets everything if it takes much memory.
  void trim();

 private:
  /// The last writer and two readers since: of those that are unordered two as far apart as any, so
  /// that every write which races with a reader races with one of these.
  struct Granule {
    Stamp writer;
    Stamp readers[2];
  };
  struct Page {
    int shift = 4;  ///< a granule is 1 << shift bytes
    std::vector<Granule> granules = std::vector<Granule>(kPageBytes >> 4);
  };

  Page& page(uintptr_t address);
  void refine(Page& page, int shift);
  static Race write(Granule& granule, const Accessor& accessor, int64_t oldest);
  static Race read(Granule& granule, const Accessor& accessor, int64_t oldest);

  static constexpr std::size_t kRecent = 64;
  struct Recent {
    uintptr_t number = ~uintptr_t{0};
    Page* page = nullptr;
  };
  std::unordered_map<uintptr_t, std::unique_ptr<Page>> pages_;
  std::size_t n_granules_ = 0;
  Recent recent_[kRecent];
};

}  // namespace isoflop::emulation
