// SPDX-License-Identifier: MIT
#include "emulation/fault_message.hpp"

#include "emulation/node.hpp"
#include "emulation/running.hpp"

#include <fmt/format.h>

namespace isoflop::emulation {
namespace {

/// Who executes the instruction.
std::string subject() {
  const RunningOperation* const running = running_operation();
  if (running == nullptr) return fmt::format("host code of rank {}", current_rank());
  return fmt::format("{} of rank {}", running->name, running->rank);
}

std::string describe_pinned_fault(Gpu& gpu, const void* address, bool is_write) {
  const char* const verb = is_write ? "writes" : "reads";
  const std::string place = gpu.pinned.describe(address);
  const PinnedGuard::Use* const use = gpu.pinned_guard.use_of_page(address);
  if (use == nullptr)
    return fmt::format("{} {} pinned memory of rank {} that is not allocated: {}", subject(), verb,
                       gpu.rank, place);
  return fmt::format(
      "{} {} pinned memory of rank {}, {}, that {} may still {}; no host wait orders them",
      subject(), verb, gpu.rank, place, gpu.describe(use->place), use->is_write ? "write" : "read");
}

}  // namespace

std::string describe_fault(const void* address, bool is_write) {
  for (const auto& gpu : current_node().gpus) {
    if (gpu->pinned.contains(address)) return describe_pinned_fault(*gpu, address, is_write);
    if (gpu->device.contains(address))
      return fmt::format("{} {} device memory of rank {}: {}", subject(),
                         is_write ? "writes" : "reads", gpu->rank, gpu->device.describe(address));
  }
  return "";
}

}  // namespace isoflop::emulation
