// SPDX-License-Identifier: MIT
#pragma once

#include "emulation/kernel_grid.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace isoflop::emulation {

/// Where the lanes of one warp wait for one another. The members that return text say what a lane
/// did that leaves others waiting for ever, or is undefined; nothing otherwise.
class WarpGate {
 public:
  static constexpr int kLanes = 32;

  struct Call {
    WarpMeeting kind = WarpMeeting::syncwarp;
    uint32_t mask = 0;
    uint64_t bits = 0;  ///< what the lane sends
    int operand = 0;    ///< lane, lane mask or delta
    int width = kLanes;
  };

  /// Lanes [0, n_lanes) of the warp exist; none has ended.
  explicit WarpGate(int n_lanes) : existing_(lanes_below(n_lanes)) {}
  /// For the next block.
  void restart() {
    live_ = existing_;
    waiting_ = 0;
    at_block_barrier_ = 0;
  }

  std::optional<std::string> arrive(int lane, const Call& call);
  std::optional<std::string> end(int lane);
  std::optional<std::string> wait_at_block_barrier(int lane);
  void open_block_barrier() { at_block_barrier_ = 0; }

  /// All lanes of the mask have arrived.
  bool complete() const;
  struct Opening {
    uint32_t lanes = 0;            ///< that go on
    bool orders_the_warp = false;  ///< a __syncwarp of all lanes that have not ended
    std::optional<std::string> problem;
  };
  /// Lets the waiting lanes go, with results.
  Opening open();
  /// What the lane got from its last shuffle.
  uint64_t result(int lane) const { return results_[lane]; }

 private:
  static constexpr uint32_t lanes_below(int n) {
    return n == kLanes ? ~uint32_t{0} : (uint32_t{1} << n) - 1;
  }
  std::optional<std::string> absent_lanes(int lane, const Call& call) const;
  std::optional<std::string> other_call(int lane, const Call& call) const;
  /// What a lane that goes elsewhere ("has ended") leaves waiting.
  std::optional<std::string> deserted(int lane, const char* deed) const;

  uint32_t existing_ = 0;
  uint32_t live_ = existing_;
  uint32_t waiting_ = 0;
  uint32_t at_block_barrier_ = 0;
  Call calls_[kLanes];
  uint64_t results_[kLanes] = {};
};

}  // namespace isoflop::emulation
