// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/backend.hpp"
#include "trainer/comm/process_grid.hpp"

#include <cstdint>

namespace isoflop {

/// What a device reaches on the two resources that bound training.
struct MachineRates {
  double matmul_tflops = 0;  ///< best rate of large matrix products in the compute type
  double mem_gb_per_s =
      0;  ///< bytes read and written, 10^9 a second, buffers far larger than caches
};

/// What an all-reduce over all ranks reaches.
struct LinkRates {
  double gb_per_s = 0;  ///< per rank and direction: 2 (n - 1) / n x bytes / time for large buffers
  double latency_us = 0;  ///< of one of the 2 (n - 1) steps of a ring, from tiny buffers
};

MachineRates measure_machine(Backend& backend);
/// MachineRates::matmul_tflops alone.
double large_matmul_tflops(Backend& backend);
/// Collective over all ranks.
LinkRates measure_link(Launch& launch, Backend& backend);
/// Memory of this node.
int64_t node_memory_bytes();

}  // namespace isoflop
