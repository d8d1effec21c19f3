// SPDX-License-Identifier: MIT
#include "emulation/warp_gate.hpp"

#include <fmt/format.h>

#include <bit>

namespace isoflop::emulation {
namespace {

uint32_t bit(int lane) { return uint32_t{1} << lane; }
int first(uint32_t lanes) { return std::countr_zero(lanes); }

std::string text(const WarpGate::Call& call) {
  static constexpr const char* kNames[] = {"__syncwarp", "__shfl_sync", "__shfl_xor_sync",
                                           "__shfl_down_sync"};
  return fmt::format("{}({:#010x})", kNames[static_cast<int>(call.kind)], call.mask);
}

/// CUDA C++ Programming Guide, "Warp Shuffle Functions": lanes past the end of the segment are not
/// read, the lane gets its own value.
int source_lane(int lane, const WarpGate::Call& call) {
  const int segment = lane & ~(call.width - 1);
  if (call.kind == WarpMeeting::shfl) return segment + (call.operand & (call.width - 1));
  const int source = call.kind == WarpMeeting::shfl_xor ? lane ^ call.operand : lane + call.operand;
  return source < segment + call.width ? source : lane;
}

}  // namespace

std::optional<std::string> WarpGate::arrive(int lane, const Call& call) {
  if ((call.mask & bit(lane)) == 0)
    return fmt::format("lane {} calls {}, whose mask lacks it", lane, text(call));
  if (call.width < 1 || call.width > kLanes || !std::has_single_bit(unsigned(call.width)))
    return fmt::format("lane {} calls {} with width {} (must be a power of two up to 32)", lane,
                       text(call), call.width);
  if (auto problem = absent_lanes(lane, call)) return problem;
  if (auto problem = other_call(lane, call)) return problem;
  calls_[lane] = call;
  waiting_ |= bit(lane);
  return std::nullopt;
}

std::optional<std::string> WarpGate::absent_lanes(int lane, const Call& call) const {
  const auto waits_for = [&](uint32_t lanes, const char* why) {
    return fmt::format("lane {} waits in {} for lane {}, which {}", lane, text(call), first(lanes),
                       why);
  };
  if (const uint32_t gone = call.mask & ~live_)
    return waits_for(gone, "has ended or never existed");
  if (const uint32_t away = call.mask & at_block_barrier_)
    return waits_for(away, "waits at __syncthreads");
  return std::nullopt;
}

std::optional<std::string> WarpGate::other_call(int lane, const Call& call) const {
  if (waiting_ == 0) return std::nullopt;
  const Call& other = calls_[first(waiting_)];
  if (other.kind == call.kind && other.mask == call.mask) return std::nullopt;
  return fmt::format("lane {} waits in {} while lane {} waits in {}", lane, text(call),
                     first(waiting_), text(other));
}

std::optional<std::string> WarpGate::deserted(int lane, const char* deed) const {
  if (waiting_ == 0) return std::nullopt;
  const int waiter = first(waiting_);
  if ((calls_[waiter].mask & bit(lane)) == 0) return std::nullopt;
  return fmt::format("lane {} waits in {} for lane {}, which {}", waiter, text(calls_[waiter]),
                     lane, deed);
}

std::optional<std::string> WarpGate::end(int lane) {
  live_ &= ~bit(lane);
  return deserted(lane, "has ended or never existed");
}

std::optional<std::string> WarpGate::wait_at_block_barrier(int lane) {
  at_block_barrier_ |= bit(lane);
  return deserted(lane, "waits at __syncthreads");
}

bool WarpGate::complete() const {
  return waiting_ != 0 && waiting_ == calls_[first(waiting_)].mask;
}

WarpGate::Opening WarpGate::open() {
  Opening opening{waiting_, false, std::nullopt};
  const WarpMeeting kind = calls_[first(waiting_)].kind;
  opening.orders_the_warp = kind == WarpMeeting::syncwarp && waiting_ == live_;
  for (uint32_t lanes = waiting_; lanes != 0; lanes &= lanes - 1) {
    const int lane = first(lanes);
    const int source = kind == WarpMeeting::syncwarp ? lane : source_lane(lane, calls_[lane]);
    if ((waiting_ & bit(source)) == 0 && !opening.problem)
      opening.problem = fmt::format("lane {} reads lane {} in {}, whose mask lacks that", lane,
                                    source, text(calls_[lane]));
    results_[lane] = calls_[source].bits;
  }
  waiting_ = 0;
  return opening;
}

}  // namespace isoflop::emulation
