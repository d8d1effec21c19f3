// SPDX-License-Identifier: MIT
#include "emulation/memory.hpp"

#include "emulation/findings.hpp"
#include "emulation/memory_protection.hpp"
#include "emulation/node.hpp"
#include "emulation/running.hpp"

#include <fmt/format.h>

#include <utility>

namespace isoflop::emulation {
namespace {

const RunningOperation* running = nullptr;
Gpu* gpu_of_running = nullptr;

/// What check_element has to know of the running operation.
struct FastPath {
  const char* begin = nullptr;  ///< of the GPU's device memory
  uint64_t bytes = 0;           ///< 0 while nothing runs
  Granule* granules = nullptr;
  uint32_t execution = 0;  ///< counts operations, of all ranks, as they run
  int stream = 0;
};
FastPath fast;

Place place_of_running() { return {running->stream, running->number}; }

const char* verb(bool is_write) { return is_write ? "writes" : "reads"; }

std::string name_of_running() {
  return fmt::format("rank {}: {}", running->rank, gpu_of_running->describe(place_of_running()));
}

AddressSpace* space_of(const void* address) {
  if (gpu_of_running->device.contains(address)) return &gpu_of_running->device;
  if (gpu_of_running->pinned.contains(address)) return &gpu_of_running->pinned;
  return nullptr;
}

void report_foreign(const Access& access) {
  add_finding(fmt::format("{} {} {} bytes of {}", name_of_running(), verb(access.is_write),
                          access.bytes, describe_address(access.begin)));
}

/// Whether the access lies within one allocation that is not freed.
bool is_in_bounds(AddressSpace& space, const Allocation* allocation, const Access& access) {
  const auto* const end = static_cast<const char*>(access.begin) + access.bytes;
  if (allocation == nullptr || end > allocation->end()) {
    add_finding(fmt::format("{} {} {} bytes out of bounds, at {}", name_of_running(),
                            verb(access.is_write), access.bytes, space.describe(access.begin)));
    return false;
  }
  if (allocation->freed_by.empty()) return true;
  add_finding(fmt::format("{} {} {} after {} freed it", name_of_running(), verb(access.is_write),
                          space.describe(access.begin), allocation->freed_by));
  return false;
}

/// The host's order of calls, not the order of execution, tells which operation was to wait.
void report_conflict(AddressSpace& space, const Allocation& allocation, const Conflict& conflict,
                     bool is_write) {
  Gpu& gpu = *gpu_of_running;
  Place later = place_of_running(), earlier = conflict.earlier;
  bool later_writes = is_write, earlier_writes = conflict.earlier_writes;
  if (gpu.label(later).sequence < gpu.label(earlier).sequence) {
    std::swap(later, earlier);
    std::swap(later_writes, earlier_writes);
  }
  if (!gpu.reported.insert({later, earlier, &allocation}).second) return;
  add_finding(fmt::format(
      "rank {}: {} {} {}, which {} {}; nothing makes {} wait for {} operation {}", gpu.rank,
      gpu.describe(later), verb(later_writes), space.describe(space.begin() + conflict.offset),
      gpu.describe(earlier), verb(earlier_writes), gpu.stream_name(later.stream),
      gpu.stream_name(earlier.stream), earlier.number));
}

int64_t offset_in(AddressSpace& space, const Access& access) {
  return static_cast<const char*>(access.begin) - space.begin();
}

AccessKind kind_of(const Access& access) {
  if (!access.is_write) return AccessKind::read;
  return access.is_defining ? AccessKind::write : AccessKind::spoil;
}

void check_order(AddressSpace& space, const Allocation& allocation, const Access& access) {
  const auto conflict = space.history().record(offset_in(space, access), access.bytes,
                                               kind_of(access), place_of_running(), running->clock);
  if (conflict) report_conflict(space, allocation, *conflict, access.is_write);
}

/// Told of once per allocation: a missing wait, told of too, may make many such reads. Host code
/// writes pinned memory unseen.
void check_defined(AddressSpace& space, const Allocation& allocation, const Access& access) {
  if (access.is_write || &space == &gpu_of_running->pinned) return;
  const auto undefined = space.history().first_undefined(offset_in(space, access), access.bytes);
  if (!undefined) return;
  if (!gpu_of_running->reported.insert({{}, {}, &allocation}).second) return;
  add_finding(fmt::format("{} reads {}, where nothing was written", name_of_running(),
                          space.describe(space.begin() + *undefined)));
}

/// The running operation need not be checked again for this granule.
void remember_granule(AddressSpace& space, const Allocation& allocation, const Access& access) {
  constexpr auto kBytes = static_cast<int64_t>(Granule::kBytes);
  const int64_t offset = offset_in(space, access);
  const char* const granule_begin = space.begin() + offset / kBytes * kBytes;
  if (granule_begin < allocation.begin || granule_begin + kBytes > allocation.end()) return;
  if (!space.history().is_free_for(offset, access.is_write, running->clock)) return;
  Granule& granule = space.history().granules()[offset / kBytes];
  (access.is_write ? granule.checked_write : granule.checked_read) = fast.execution;
}

bool check_new_element(const Access& access) {
  if (!check_access(access)) return false;
  AddressSpace& space = *space_of(access.begin);
  if (&space == &gpu_of_running->pinned)
    gpu_of_running->pinned_guard.add(access, place_of_running());
  else
    remember_granule(space, *space.find(access.begin), access);
  return true;
}

}  // namespace

RunningScope::RunningScope(RunningOperation operation, Gpu& gpu)
    : operation_(std::move(operation)) {
  open_memory(gpu);
  running = &operation_;
  gpu_of_running = &gpu;
  fast = {.begin = gpu.device.begin(),
          .bytes = static_cast<uint64_t>(gpu.device.used()),
          .granules = gpu.device.history().granules(),
          .execution = fast.execution + 1,
          .stream = operation_.stream};
}

RunningScope::~RunningScope() {
  running = nullptr;
  gpu_of_running = nullptr;
  fast.bytes = 0;
}

const RunningOperation* running_operation() { return running; }

bool check_access(const Access& access) {
  if (access.bytes == 0) return true;
  AddressSpace* const space = space_of(access.begin);
  if (space == nullptr) {
    report_foreign(access);
    return false;
  }
  const Allocation* const allocation = space->find(access.begin);
  if (!is_in_bounds(*space, allocation, access)) return false;
  check_defined(*space, *allocation, access);
  check_order(*space, *allocation, access);
  return true;
}

bool check_element(const void* address, int64_t bytes, bool is_write) {
  const auto offset = static_cast<uint64_t>(static_cast<const char*>(address) - fast.begin);
  const uint64_t in_granule = offset % Granule::kBytes;
  if (offset < fast.bytes && in_granule + static_cast<uint64_t>(bytes) <= Granule::kBytes) {
    Granule& granule = fast.granules[offset / Granule::kBytes];
    if ((is_write ? granule.checked_write : granule.checked_read) == fast.execution) {
      uint16_t& units = is_write ? granule.write_units : granule.read_units[fast.stream];
      const uint16_t touched = granule_units(in_granule, static_cast<uint64_t>(bytes));
      units = static_cast<uint16_t>(units | touched);
      if (is_write) granule.defined_units = static_cast<uint16_t>(granule.defined_units | touched);
      return true;
    }
  }
  return check_new_element({address, bytes, is_write});
}

std::string describe_address(const void* address) {
  for (const auto& gpu : current_node().gpus)
    for (AddressSpace* const space : {&gpu->device, &gpu->pinned})
      if (space->contains(address))
        return fmt::format("{} of rank {}", space->describe(address), gpu->rank);
  return fmt::format("memory at {}, which is neither a GPU's nor pinned", address);
}

}  // namespace isoflop::emulation
