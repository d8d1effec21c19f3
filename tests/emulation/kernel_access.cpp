// SPDX-License-Identifier: MIT
#include "emulation/findings.hpp"
#include "emulation/kernel_grid.hpp"
#include "emulation/kernel_thread.hpp"
#include "emulation/kernel_traffic.hpp"
#include "emulation/memory.hpp"
#include "emulation/thread_history.hpp"
#include "emulation/warp_gate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

// The program's image: code and constants lie between these (GNU ld, glibc's crt1).
extern "C" const std::byte __executable_start;
extern "C" const std::byte __data_start;

namespace isoflop::emulation {
namespace {

struct Touch {
  uintptr_t address = 0;
  std::size_t bytes = 0;
  bool is_write = false;
};

/// The address as an offset into an area; past every size if below it.
uintptr_t offset_in(std::span<const std::byte> area, uintptr_t address) {
  return address - reinterpret_cast<uintptr_t>(area.data());
}

bool lies_in(std::span<const std::byte> area, const Touch& touch) {
  const uintptr_t offset = offset_in(area, touch.address);
  return offset < area.size() && touch.bytes <= area.size() - offset;
}

ThreadHistory& history() {
  static ThreadHistory accesses;
  return accesses;
}

std::string parties(Stamp first, Relation relation) {
  const KernelLaunch& launch = *running_thread.launch;
  const int64_t offset = first.serial() - launch.first_serial;
  const int64_t block = launch.in_turn(offset / launch.threads_per_block);
  const int64_t thread = offset % launch.threads_per_block;
  const int own = running_thread.accessor.thread;
  if (relation == Relation::other_block)
    return fmt::format("thread {} of block {} and thread {} of block {}", thread, block, own,
                       running_thread.block);
  return fmt::format("threads {} and {} of block {}", thread, own, block);
}

const char* missing_order(Relation relation) {
  if (relation == Relation::other_block) return "blocks have no order";
  if (relation == Relation::same_warp) return "no __syncthreads or __syncwarp between them";
  return "no __syncthreads between them";
}

/// One race is enough to tell of a launch; looking on would only repeat it.
void report(const Race& race, bool is_write, const std::string& place) {
  const KernelLaunch& launch = *running_thread.launch;
  const Relation relation = running_thread.accessor.relation(race.first, launch.first_serial);
  add_finding(fmt::format("kernel {}: {} race on {} ({}, then {}): {}", launch.name,
                          parties(race.first, relation), place,
                          race.first_writes ? "write" : "read", is_write ? "write" : "read",
                          missing_order(relation)));
  running_thread.has_raced = true;
}

/// Looks for a race with what threads did since `oldest`, page by page.
Race add_to_history(Touch touch, int64_t oldest) {
  Race race;
  while (touch.bytes > 0) {
    const std::size_t left = ThreadHistory::kPageBytes - touch.address % ThreadHistory::kPageBytes;
    const std::size_t bytes = std::min(touch.bytes, left);
    const Race found =
        history().add(touch.address, bytes, touch.is_write, running_thread.accessor, oldest);
    if (!found.first.is_nobody()) race = found;
    touch.address += bytes;
    touch.bytes -= bytes;
  }
  return race;
}

void report_refusal(const char* verb, std::size_t bytes, const std::string& what) {
  add_finding(fmt::format("kernel {}: thread {} of block {} {} {} bytes {}",
                          running_thread.launch->name, running_thread.accessor.thread,
                          running_thread.block, verb, bytes, what));
}

void report_refusal(const Touch& touch, const std::string& what) {
  report_refusal(touch.is_write ? "writes" : "reads", touch.bytes, what);
}

// The checks return whether the kernel may go on.

bool check_shared(const Touch& touch) {
  const std::span<const std::byte> shared = running_thread.shared;
  const auto offset = static_cast<int64_t>(offset_in(shared, touch.address));
  if (!lies_in(shared, touch)) {
    report_refusal(touch, fmt::format("at shared memory + {}, of which the block has {} bytes",
                                      offset, shared.size()));
    return false;
  }
  if (running_thread.has_raced) return true;
  const Race race = add_to_history(touch, running_thread.accessor.block_serial);
  if (!race.first.is_nobody())
    report(race, touch.is_write, fmt::format("shared memory + {}", offset));
  return true;
}

bool check_device(const Touch& touch) {
  const auto* address = reinterpret_cast<const void*>(touch.address);
  if (!check_element(address, static_cast<int64_t>(touch.bytes), touch.is_write)) {
    report_refusal(touch, "at " + describe_address(address));
    return false;
  }
  note_traffic(touch.address, static_cast<int64_t>(touch.bytes), touch.is_write);
  if (running_thread.has_raced) return true;
  const Race race = add_to_history(touch, running_thread.launch->first_serial);
  if (!race.first.is_nobody()) report(race, touch.is_write, describe_address(address));
  return true;
}

bool check_alignment(const Touch& touch, std::size_t alignment) {
  const OutsideKernelCode outside;
  if (touch.address % alignment == 0) return true;
  report_refusal(touch, fmt::format("at {}, which is not aligned to {} bytes",
                                    describe_address(reinterpret_cast<const void*>(touch.address)),
                                    alignment));
  return false;
}

/// Another thread cannot do what this one may be waiting for: it has no turn meanwhile.
bool check_progress(const Touch& touch) {
  constexpr int64_t kMostAccesses = int64_t{1} << 23;
  if (++running_thread.n_accesses <= kMostAccesses) return true;
  report_refusal(touch, fmt::format("after {} accesses since its last barrier; threads that wait "
                                    "for others by reading memory never end here",
                                    kMostAccesses));
  return false;
}

bool is_constant(const Touch& touch) {
  const std::span<const std::byte> image(&__executable_start, &__data_start);
  return !touch.is_write && lies_in(image, touch);
}

[[gnu::noinline]] bool check(const Touch& touch) {
  const OutsideKernelCode outside;
  if (!check_progress(touch)) return false;
  const std::span<const std::byte> shared = running_thread.shared;
  if (offset_in(shared, touch.address) + kSharedMargin < shared.size() + 2 * kSharedMargin)
    return check_shared(touch);
  return is_constant(touch) || check_device(touch);
}

inline void on_access(const void* address, std::size_t bytes, bool is_write) {
  if (!running_thread.in_kernel_code || bytes == 0) return;
  const Touch touch{reinterpret_cast<uintptr_t>(address), bytes, is_write};
  if (lies_in(running_thread.stack, touch)) return;
  if (!is_write && lies_in(running_thread.parameters, touch)) return;
  if (!check(touch)) abandon_kernel();
}

/// An access that the compiler holds for aligned (to 8 bytes, when it is larger: gcc/tsan.cc). A
/// GPU stops at one that is not.
inline void on_aligned_access(const void* address, std::size_t bytes, bool is_write) {
  if (!running_thread.in_kernel_code) return;
  const Touch touch{reinterpret_cast<uintptr_t>(address), bytes, is_write};
  const std::size_t alignment = std::min<std::size_t>(bytes, 8);
  if (touch.address % alignment != 0 && !check_alignment(touch, alignment)) abandon_kernel();
  on_access(address, bytes, is_write);
}

/// Kernels have no atomics so far: sums of floats would depend on the order of threads.
void on_atomic(std::size_t bytes) {
  if (!running_thread.in_kernel_code) return;
  {
    const OutsideKernelCode outside;
    report_refusal("accesses", bytes, "atomically (not emulated)");
  }
  abandon_kernel();
}

}  // namespace

void forget_accesses() { history().trim(); }

}  // namespace isoflop::emulation

// What g++ -fsanitize=thread calls (gcc/sanitizer.def), here without the thread sanitizer. Defined
// by their symbols, since their names belong to the compiler.
namespace emu = isoflop::emulation;

#define ISOFLOP_HOOK(RESULT, SYMBOL, PARAMETERS)          \
  RESULT hook_##SYMBOL PARAMETERS asm("__tsan_" #SYMBOL); \
  RESULT hook_##SYMBOL PARAMETERS

ISOFLOP_HOOK(void, init, ()) {}
ISOFLOP_HOOK(void, vptr_update, (void**, void*)) {}
ISOFLOP_HOOK(void, vptr_read, (void**)) {}
ISOFLOP_HOOK(void, read_range, (void* a, std::size_t bytes)) { emu::on_access(a, bytes, false); }
ISOFLOP_HOOK(void, write_range, (void* a, std::size_t bytes)) { emu::on_access(a, bytes, true); }

#define ISOFLOP_ACCESS_HOOKS(BYTES)                                                         \
  ISOFLOP_HOOK(void, read##BYTES, (void* a)) { emu::on_aligned_access(a, BYTES, false); }   \
  ISOFLOP_HOOK(void, write##BYTES, (void* a)) { emu::on_aligned_access(a, BYTES, true); }   \
  ISOFLOP_HOOK(void, unaligned_read##BYTES, (void* a)) { emu::on_access(a, BYTES, false); } \
  ISOFLOP_HOOK(void, unaligned_write##BYTES, (void* a)) { emu::on_access(a, BYTES, true); }
ISOFLOP_ACCESS_HOOKS(1)
ISOFLOP_ACCESS_HOOKS(2)
ISOFLOP_ACCESS_HOOKS(4)
ISOFLOP_ACCESS_HOOKS(8)
ISOFLOP_ACCESS_HOOKS(16)

// Host code in .cu files: shared_ptr's counters, guards of static variables.
#define ISOFLOP_UPDATE_HOOK(BITS, T, NAME, BUILTIN)                        \
  ISOFLOP_HOOK(T, atomic##BITS##_##NAME, (volatile T * a, T value, int)) { \
    emu::on_atomic(sizeof(T));                                             \
    return BUILTIN(a, value, __ATOMIC_SEQ_CST);                            \
  }
#define ISOFLOP_EXCHANGE_HOOK(BITS, T, STRENGTH)                                    \
  ISOFLOP_HOOK(bool, atomic##BITS##_compare_exchange_##STRENGTH,                    \
               (volatile T * a, T * expected, T value, int, int)) {                 \
    emu::on_atomic(sizeof(T));                                                      \
    return __atomic_compare_exchange_n(a, expected, value, false, __ATOMIC_SEQ_CST, \
                                       __ATOMIC_SEQ_CST);                           \
  }
#define ISOFLOP_ATOMIC_HOOKS(BITS, T)                                        \
  ISOFLOP_HOOK(T, atomic##BITS##_load, (const volatile T* a, int)) {         \
    emu::on_atomic(sizeof(T));                                               \
    return __atomic_load_n(a, __ATOMIC_SEQ_CST);                             \
  }                                                                          \
  ISOFLOP_HOOK(void, atomic##BITS##_store, (volatile T * a, T value, int)) { \
    emu::on_atomic(sizeof(T));                                               \
    __atomic_store_n(a, value, __ATOMIC_SEQ_CST);                            \
  }                                                                          \
  ISOFLOP_EXCHANGE_HOOK(BITS, T, strong)                                     \
  ISOFLOP_EXCHANGE_HOOK(BITS, T, weak)                                       \
  ISOFLOP_UPDATE_HOOK(BITS, T, exchange, __atomic_exchange_n)                \
  ISOFLOP_UPDATE_HOOK(BITS, T, fetch_add, __atomic_fetch_add)                \
  ISOFLOP_UPDATE_HOOK(BITS, T, fetch_sub, __atomic_fetch_sub)                \
  ISOFLOP_UPDATE_HOOK(BITS, T, fetch_and, __atomic_fetch_and)                \
  ISOFLOP_UPDATE_HOOK(BITS, T, fetch_or, __atomic_fetch_or)                  \
  ISOFLOP_UPDATE_HOOK(BITS, T, fetch_xor, __atomic_fetch_xor)
ISOFLOP_ATOMIC_HOOKS(8, uint8_t)
ISOFLOP_ATOMIC_HOOKS(16, uint16_t)
ISOFLOP_ATOMIC_HOOKS(32, uint32_t)
ISOFLOP_ATOMIC_HOOKS(64, uint64_t)
ISOFLOP_HOOK(void, atomic_thread_fence, (int)) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
ISOFLOP_HOOK(void, atomic_signal_fence, (int)) { __atomic_signal_fence(__ATOMIC_SEQ_CST); }

// What device_language.hpp makes of memcpy, memmove and memset.
extern "C" {
void* isoflop_kernel_memcpy(void* out, const void* in, std::size_t bytes) {
  emu::on_access(in, bytes, false);
  emu::on_access(out, bytes, true);
  return std::memcpy(out, in, bytes);
}
void* isoflop_kernel_memmove(void* out, const void* in, std::size_t bytes) {
  emu::on_access(in, bytes, false);
  emu::on_access(out, bytes, true);
  return std::memmove(out, in, bytes);
}
void* isoflop_kernel_memset(void* out, int byte, std::size_t bytes) {
  emu::on_access(out, bytes, true);
  return std::memset(out, byte, bytes);
}
}
