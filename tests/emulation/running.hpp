// SPDX-License-Identifier: MIT
#pragma once

#include "emulation/gpu.hpp"
#include "emulation/memory.hpp"

namespace isoflop::emulation {

/// While it lives, an operation runs: checks are made in its name, and its GPU's memory is open.
class RunningScope {
 public:
  RunningScope(RunningOperation operation, Gpu& gpu);
  ~RunningScope();
  RunningScope(const RunningScope&) = delete;
  RunningScope& operator=(const RunningScope&) = delete;

 private:
  RunningOperation operation_;
};

}  // namespace isoflop::emulation
