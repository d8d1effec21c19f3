// SPDX-License-Identifier: MIT
#pragma once

#include "planner/options.hpp"
#include "planner/sweep/sweep_manifest.hpp"
#include "planner/sweep/sweep_request.hpp"

#include <optional>
#include <string>

namespace isoflop {

/// The command line of planner sweep.
struct SweepOptions {
  Options shared;  ///< goals are not used
  SweepSpec spec;
  double device_hours = 0;
  double run_hours = kRunHours;
  double loss_noise = kLossNoise;
  std::optional<int> max_running;
  std::optional<std::string> model;  ///< a preset, a file, or a name in configs/models
  bool submit = false;
  SweepSettings given;  ///< all of the above but where and whether to submit
};

/// Absent after --help, which is printed. Throws ConfigError.
std::optional<SweepOptions> parse_sweep_options(int argc, const char* const* argv);

/// Models, laws and data that the options name are read. Throws FileError and ConfigError.
SweepRequest make_sweep_request(const SweepOptions& options, Cluster cluster);

}  // namespace isoflop
