// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/cuda/launch_shape.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace isoflop::emulation {

/// What a kernel did to global memory. distinct: bytes read before the kernel wrote them, and bytes
/// written, each once; all: every load and store.
struct KernelTraffic {
  gpu::KernelBytes distinct;
  gpu::KernelBytes all;
};

/// While it lives, counts the loads and stores of the kernel that runs.
class TrafficMeter {
 public:
  TrafficMeter();
  ~TrafficMeter();
  TrafficMeter(const TrafficMeter&) = delete;
  TrafficMeter& operator=(const TrafficMeter&) = delete;

  KernelTraffic traffic() const;
};

/// Called for every load and store of a kernel outside of its own stack and shared memory.
void note_traffic(uintptr_t address, int64_t bytes, bool is_write);

/// What is wrong with the bytes that a kernel states: it moves at least the distinct ones and at
/// most all (where that is the most for any data: no less), but for a hundredth and a kibibyte of
/// tables and single values. Empty: nothing.
std::optional<std::string> problem_of(const gpu::KernelBytes& stated,
                                      const KernelTraffic& measured);

}  // namespace isoflop::emulation
