// SPDX-License-Identifier: MIT
#pragma once

#include "emulation/kernel_launch.hpp"

#include <cstdint>
#include <string>

namespace isoflop::emulation {

/// Runs all threads of a kernel, within an operation: block after block, each thread on a fibre's
/// stack from one barrier to the next, in lane_order(). Stops short, with a finding, when a thread
/// does what it may not.
void run_grid(const std::string& name, const gpu::LaunchShape& shape, const KernelCode& code);

// What a kernel thread calls.

/// __syncthreads: waits for every thread of the block that has not ended.
void sync_threads();
/// __syncwarp: waits for the lanes of the mask.
void sync_warp(uint32_t mask);

/// Where lanes of a warp wait for one another.
enum class WarpMeeting { syncwarp, shfl, shfl_xor, shfl_down };
/// One of the shuffles: waits for the lanes of the mask; returns the bits that the source lane
/// sent, its own when the source is outside of its segment of `width` lanes.
uint64_t shuffle(WarpMeeting kind, uint32_t mask, uint64_t bits, int operand, int width);

/// The block's dynamic shared memory: all NaN when the block starts.
void* shared_memory();

}  // namespace isoflop::emulation
