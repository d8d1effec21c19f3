// SPDX-License-Identifier: MIT
#include "emulation/memory_protection.hpp"

#include "emulation/fault_message.hpp"
#include "emulation/reserved_range.hpp"

#include <csignal>
#include <cstdlib>
#include <string>
#include <ucontext.h>
#include <unistd.h>

namespace isoflop::emulation {
namespace {

Gpu* open_gpu = nullptr;
struct sigaction previous_action;

void protect_device(Gpu& gpu, RangeUse use) {
  const int64_t bytes =
      (gpu.device.used() + kLargePageBytes - 1) / kLargePageBytes * kLargePageBytes;
  if (bytes > 0) protect_range(gpu.device.begin(), bytes, use);
}

/// Bit 1 of the page fault's error code: a write (Intel SDM volume 3, 4.7).
bool is_write_fault(const void* context) {
  constexpr greg_t kWriteBit = 2;
  return (static_cast<const ucontext_t*>(context)->uc_mcontext.gregs[REG_ERR] & kWriteBit) != 0;
}

/// Runs on the stack of the instruction that faulted, which is code under test between two library
/// calls, so that it may allocate.
void handle_fault(int signal, siginfo_t* info, void* context) {
  const std::string message = describe_fault(info->si_addr, is_write_fault(context));
  if (message.empty()) {  // not ours: fault again without us
    sigaction(signal, &previous_action, nullptr);
    return;
  }
  const std::string line = "emulated CUDA: " + message + "\n";
  [[maybe_unused]] const auto written = write(STDERR_FILENO, line.data(), line.size());
  std::abort();
}

}  // namespace

void open_memory(Gpu& gpu) {
  if (open_gpu == &gpu) return;
  close_memory();
  protect_device(gpu, RangeUse::read_write);
  gpu.pinned_guard.lift();
  open_gpu = &gpu;
}

void close_memory() {
  if (open_gpu == nullptr) return;
  protect_device(*open_gpu, RangeUse::none);
  guard_pinned_memory(*open_gpu);
  open_gpu = nullptr;
}

void forget_memory(const Gpu& gpu) {
  if (open_gpu == &gpu) open_gpu = nullptr;
}

void explain_faults() {
  static bool is_installed = false;
  if (is_installed) return;
  is_installed = true;
  struct sigaction action {};
  action.sa_sigaction = handle_fault;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigaction(SIGSEGV, &action, &previous_action);
}

}  // namespace isoflop::emulation
