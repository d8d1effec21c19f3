// SPDX-License-Identifier: MIT
#pragma once

#include "emulation/thread_history.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

namespace isoflop::emulation {

/// What the checks need to know of the kernel that runs.
struct KernelLaunch {
  std::string name;
  int64_t n_blocks = 1;
  int threads_per_block = 1;
  bool is_reversed = false;  ///< blocks and threads get their turns from the last to the first
  int64_t first_serial = 1;  ///< of the thread 0 of the block that runs first

  /// The block that has the i-th turn, and the turn of the i-th block.
  int64_t in_turn(int64_t i) const { return is_reversed ? n_blocks - 1 - i : i; }
};

/// The kernel thread that is running, for the checks of what it touches. Threads that host code has
/// started run none, even in functions that they share with kernels.
struct RunningThread {
  bool in_kernel_code = false;  ///< not while the emulation runs on its behalf, nor outside kernels
  std::span<const std::byte> stack;
  std::span<const std::byte> parameters;
  std::span<std::byte> shared;
  Accessor accessor;
  int64_t block = 0;  ///< y * blocks + x
  const KernelLaunch* launch = nullptr;
  int64_t n_accesses = 0;  ///< to memory other than its own, since it got its turn
  bool has_raced = false;  ///< a race of the launch has been reported
};
extern constinit thread_local RunningThread running_thread;

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

/// Ends the running kernel where it is, after a finding. No destructor of the caller's frames runs.
[[noreturn]] void abandon_kernel();

/// The launch has ended.
void forget_accesses();

/// Bytes of the areas before and behind shared memory, where nothing else lies.
inline constexpr std::size_t kSharedMargin = std::size_t{64} << 10;

}  // namespace isoflop::emulation
