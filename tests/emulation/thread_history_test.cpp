// SPDX-License-Identifier: MIT
#include "emulation/thread_history.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

namespace isoflop::emulation {
namespace {

constexpr int kThreads = 96;  // three warps
constexpr int kBlocks = 3;

/// One block after another, each with barriers, as the accessor of ThreadHistory sees it.
class Turns {
 public:
  Accessor accessor(int thread) const {
    return {.thread = thread, .block_serial = 1 + int64_t{block_} * kThreads, .clocks = clocks_};
  }
  void sync_warp(std::size_t warp) { ++clocks_[warp].now; }
  void sync_block() {
    for (WarpClock& clock : clocks_) clock.at_block_barrier = ++clock.now;
  }
  void next_block() {
    ++block_;
    clocks_.assign(3, {});
  }

 private:
  int block_ = 0;
  std::vector<WarpClock> clocks_ = std::vector<WarpClock>(3);
};

/// Keeps every access, which ThreadHistory cannot afford.
class FullHistory {
 public:
  bool races(uintptr_t address, std::size_t bytes, bool is_write, const Accessor& accessor) {
    const bool found = std::any_of(kept_.begin(), kept_.end(), [&](const Kept& kept) {
      return (kept.is_write || is_write) && kept.address < address + bytes &&
             address < kept.address + kept.bytes &&
             accessor.relation(kept.stamp, 1) > Relation::before;
    });
    kept_.push_back({address, bytes, is_write, accessor.stamp()});
    return found;
  }

 private:
  struct Kept {
    uintptr_t address;
    std::size_t bytes;
    bool is_write;
    Stamp stamp;
  };
  std::vector<Kept> kept_;
};

/// Runs random accesses until the first race; returns whether both histories agree on where it is.
bool agrees_with_full_history(uint32_t seed) {
  std::mt19937 random(seed);
  const auto draw = [&random](uint32_t n) { return random() % n; };
  Turns turns;
  ThreadHistory history;
  FullHistory full;
  for (int i = 0, block = 0; i < 200; ++i) {
    if (draw(12) == 0) turns.sync_warp(draw(3));
    if (draw(12) == 0) turns.sync_block();
    if (block + 1 < kBlocks && draw(40) == 0) {
      turns.next_block();
      ++block;
    }
    const std::size_t bytes = std::size_t{1} << draw(5);
    const uintptr_t address = 4096 * 5 + draw(64) / bytes * bytes;
    const bool is_write = draw(8) == 0;
    const Accessor accessor = turns.accessor(static_cast<int>(draw(3) * 32 + draw(3)));
    const bool found = !history.add(address, bytes, is_write, accessor, 1).first.is_nobody();
    if (found != full.races(address, bytes, is_write, accessor)) return false;
    if (found) return true;
  }
  return true;
}

TEST(ThreadHistory, finds_the_first_race_exactly) {
  for (uint32_t seed = 0; seed < 5000; ++seed)
    ASSERT_TRUE(agrees_with_full_history(seed)) << "seed " << seed;
}

TEST(ThreadHistory, forgets_what_is_older_than_asked_for) {
  Turns turns;
  ThreadHistory history;
  EXPECT_TRUE(history.add(64, 4, true, turns.accessor(0), 1).first.is_nobody());
  turns.next_block();
  const Accessor later = turns.accessor(1);
  EXPECT_TRUE(history.add(64, 4, true, later, later.block_serial).first.is_nobody());
}

TEST(ThreadHistory, names_the_earlier_access) {
  Turns turns;
  ThreadHistory history;
  history.add(64, 16, false, turns.accessor(40), 1);
  const Race race = history.add(72, 2, true, turns.accessor(2), 1);
  EXPECT_EQ(race.first, turns.accessor(40).stamp());
  EXPECT_FALSE(race.first_writes);
}

}  // namespace
}  // namespace isoflop::emulation
