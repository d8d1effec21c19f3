// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

namespace isoflop::emulation {

/// Counts the barriers of one warp; an access before a barrier has a lower time than one after.
struct WarpClock {
  uint32_t now = 0;               ///< raised by __syncwarp and __syncthreads
  uint32_t at_block_barrier = 0;  ///< `now` just after the last __syncthreads
};

/// The kernel thread that is running, for the checks of what it touches.
struct RunningThread {
  bool in_kernel_code = false;  ///< not while the emulation runs on its behalf, nor outside kernels
  int thread = 0;               ///< in the block
  int64_t block = 0;            ///< y * blocks + x
  std::span<const std::byte> stack;
  std::span<std::byte> shared;
  std::span<const std::byte> parameters;
  int threads_per_block = 0;
  int64_t launch_serial = 0;  ///< of thread 0, block 0: threads are numbered through all launches
  int64_t block_serial = 0;   ///< of the block's thread 0
  std::span<const WarpClock> clocks;  ///< of the block's warps
  const std::string* kernel = nullptr;
  bool raced_on_shared = false;  ///< reported for this launch already
  bool raced_on_device = false;
};
extern RunningThread running_thread;

/// While it lives, the emulation's own loads and stores are not the kernel's.
class OutsideKernelCode {
 public:
  OutsideKernelCode() : before_(std::exchange(running_thread.in_kernel_code, false)) {}
  ~OutsideKernelCode() { running_thread.in_kernel_code = before_; }
  OutsideKernelCode(const OutsideKernelCode&) = delete;
  OutsideKernelCode& operator=(const OutsideKernelCode&) = delete;

 private:
  bool before_;
};

/// Ends the running kernel where it is, after a finding; does not return to the kernel thread.
[[noreturn]] void abandon_kernel();

/// The launch has ended.
void forget_accesses();

/// Bytes of the areas before and behind shared memory, where nothing else lies.
inline constexpr std::size_t kSharedMargin = std::size_t{64} << 10;

}  // namespace isoflop::emulation
