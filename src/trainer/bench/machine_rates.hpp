// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/backend.hpp"
#include "trainer/comm/process_grid.hpp"

#include <cstdint>
#include <vector>

namespace isoflop {

/// What a device reaches on the two resources that bound training.
struct MachineRates {
  double matmul_tflops = 0;  ///< best rate of large matrix products in the compute type
  double mem_gb_per_s =
      0;  ///< bytes read and written, 10^9 a second, buffers far larger than caches
};

/// What collectives over all ranks reach with large buffers, 10^9 bytes a second and rank in one
/// direction, n ranks.
struct LinkRates {
  double all_reduce_gb_per_s = 0;      ///< 2 (n - 1) / n x bytes / time
  double all_gather_gb_per_s = 0;      ///< (n - 1) / n x bytes of all parts / time
  double reduce_scatter_gb_per_s = 0;  ///< as all_gather_gb_per_s
  double latency_us = 0;  ///< of one of the 2 (n - 1) steps of a ring, from tiny all-reduces
};

/// How large what is measured is.
struct RateSizes {
  std::vector<int64_t> products;  ///< rows, columns and depth; the best rate counts
  int64_t memory_bytes = 0;       ///< of each of two buffers
  int64_t message_bytes = 0;      ///< of a collective's buffer
  /// Calls follow each other without the host waiting for this long, so that starting them and
  /// waiting for them does not count; 0: one call.
  double stretch_seconds = 0;
  double measure_seconds = 0.6;  ///< of each figure
};
/// What fills the device of this backend.
RateSizes rate_sizes(const Backend& backend);

MachineRates measure_machine(Backend& backend, const RateSizes& sizes);
/// MachineRates::matmul_tflops alone.
double large_matmul_tflops(Backend& backend, const RateSizes& sizes);
/// Collective over all ranks.
LinkRates measure_link(Launch& launch, Backend& backend, const RateSizes& sizes);
/// Memory of this node.
int64_t node_memory_bytes();

}  // namespace isoflop
