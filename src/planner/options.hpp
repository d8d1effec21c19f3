// SPDX-License-Identifier: MIT
#pragma once

#include "core/hardware/precision.hpp"
#include "planner/plan_folder.hpp"
#include "planner/training_text.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace isoflop {

/// The command line.
struct Options {
  std::filesystem::path cluster_file;
  double hours = 0;
  std::optional<std::filesystem::path> out;
  TextOptions text;
  std::optional<int64_t> seq_len;
  std::optional<std::string> law;
  std::optional<std::string> partition;
  std::optional<int> n_devices;
  std::optional<Precision> precision;
  std::optional<std::string> name;
  Overwrite overwrite = Overwrite::own_plans;
};

/// Absent after --help and --version, which are printed. Throws ConfigError for wrong options.
std::optional<Options> parse_options(int argc, const char* const* argv);

/// "h100-16x8-72h", "testbed-0.05h": of the run and of the folder under plans/.
std::string default_run_name(const std::string& cluster, double hours);

}  // namespace isoflop
