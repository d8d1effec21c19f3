// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/comm/process_grid.hpp"

#include <memory>

namespace isoflop {

/// trainer export: one process; leaves `launch` alone.
int run_export_command(int argc, const char* const* argv, std::unique_ptr<Launch>& launch);

}  // namespace isoflop
