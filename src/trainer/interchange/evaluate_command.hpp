// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/comm/process_grid.hpp"

#include <memory>

namespace isoflop {

/// trainer eval: any number of ranks.
int run_evaluate_command(int argc, const char* const* argv, std::unique_ptr<Launch>& launch);

}  // namespace isoflop
