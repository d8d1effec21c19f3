// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/comm/process_grid.hpp"

namespace isoflop::test {

/// The job of this test program, each of whose ranks has a GPU.
Launch& gpu_launch();

}  // namespace isoflop::test
