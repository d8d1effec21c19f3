// SPDX-License-Identifier: MIT
#include "planner/calibration_option.hpp"

#include <CLI/CLI.hpp>

namespace isoflop {

void add_calibration_option(CLI::App& app, std::optional<std::filesystem::path>& file) {
  app.add_option("--calibration", file,
                 "Constants of predictions, as refine and calibrate write them "
                 "[data/calibration.yaml]");
}

}  // namespace isoflop
