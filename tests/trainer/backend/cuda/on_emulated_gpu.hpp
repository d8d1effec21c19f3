// SPDX-License-Identifier: MIT
#pragma once

#include "emulation/emulation.hpp"
#include "op_rig.hpp"

#include <gtest/gtest.h>

#include <functional>

namespace isoflop {

/// Runs body(rig) on an emulated GPU, the threads of its blocks in ascending and in descending
/// order. Kernels are held to the bytes that they state.
inline void on_emulated_gpu(Precision precision, const std::function<void(OpRig& rig)>& body) {
  using emulation::LaneOrder;
  for (const LaneOrder order : {LaneOrder::forward, LaneOrder::reverse}) {
    SCOPED_TRACE(order == LaneOrder::forward ? "lanes forward" : "lanes in reverse");
    emulation::run_ranks({.lane_order = order, .checks_kernel_bytes = true}, [&](int) {
      OpRig rig(make_cuda_backend({.precision = precision}));
      body(rig);
    });
  }
}

}  // namespace isoflop
