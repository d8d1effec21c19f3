// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <optional>

namespace CLI {
class App;
}

namespace isoflop {

/// --calibration FILE, which every command that predicts has.
void add_calibration_option(CLI::App& app, std::optional<std::filesystem::path>& file);

}  // namespace isoflop
