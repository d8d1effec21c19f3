// SPDX-License-Identifier: MIT
#pragma once

#include "core/parallel/flat_layout.hpp"
#include "trainer/backend/device.hpp"

#include <vector>

namespace isoflop {

/// Elements of a flat unit.
struct FlatRange {
  int64_t begin = 0;
  int64_t size = 0;
};

/// What has to be zero before a micro step adds to a unit's gradients: all but the matrices, whose
/// first product takes the place of what is there (UnitLease::accumulate_matrices). Padding is
/// zero; embeddings, biases and weights of norms are only added to.
std::vector<FlatRange> ranges_to_zero(const FlatUnit& unit);

/// Enqueues it on the compute stream. `flat` (unit.size) is the unit's gradients.
void start_gradients(Device& device, const FlatUnit& unit, TensorView flat);

}  // namespace isoflop
