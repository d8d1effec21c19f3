// SPDX-License-Identifier: MIT
#pragma once

namespace isoflop {

/// `planner model MODEL`: what a model consists of and costs.
int run_model_command(int argc, const char* const* argv);

}  // namespace isoflop
