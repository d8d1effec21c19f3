// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

namespace isoflop::emulation {

/// One access of a kernel thread: who, and when by the clock of its warp. Zero is nobody.
class Stamp {
 public:
  Stamp() = default;
  Stamp(int64_t serial, uint32_t time) : bits_((serial + 1) << kTimeBits | (time & kTimeMask)) {}
  bool is_nobody() const { return bits_ == 0; }
  int64_t serial() const { return (bits_ >> kTimeBits) - 1; }
  uint32_t time() const { return static_cast<uint32_t>(bits_ & kTimeMask); }
  bool operator==(const Stamp&) const = default;

 private:
  static constexpr int kTimeBits = 24;
  static constexpr int64_t kTimeMask = (int64_t{1} << kTimeBits) - 1;
  int64_t bits_ = 0;
};

/// How an access in the history relates to the one that is being made.
enum class Relation {
  forgotten,  ///< of an earlier kernel or block: no concern of this one
  before,     ///< by the same thread, or separated by a barrier
  same_warp,  ///< unordered, in ascending distance
  same_block,
  other_block
};

/// Two accesses, of which one writes, with no barrier between.
struct Race {
  Stamp first;
  bool first_writes = false;
};

/// Who touched which bytes last, to find races between threads of one kernel. Kept by page in
/// granules as fine as the accesses that were made, so that neighbours never count as one.
class ThreadHistory {
 public:
  /// Relation of an earlier access to the one being made.
  using Relate = Relation (*)(Stamp earlier);

  /// Adds an access that lies within one page, after comparing it with what was there.
  std::optional<Race> add(uintptr_t address, std::size_t bytes, bool is_write, Stamp stamp,
                          Relate relate);
  /// Forgets everything if it takes much memory.
  void trim();

  static constexpr std::size_t kPageBytes = 4096;

 private:
  /// The last writer and two readers since: of those that are unordered the two farthest apart, so
  /// that every write which races with any reader races with one of these.
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
  static std::optional<Race> write(Granule& granule, Stamp stamp, Relate relate);
  static std::optional<Race> read(Granule& granule, Stamp stamp, Relate relate);

  static constexpr std::size_t kRecent = 64;
  struct Recent {
    uintptr_t number = 0;
    Page* page = nullptr;
  };
  std::unordered_map<uintptr_t, std::unique_ptr<Page>> pages_;
  std::size_t n_granules_ = 0;
  Recent recent_[kRecent];
};

}  // namespace isoflop::emulation
