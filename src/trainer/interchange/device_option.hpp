// SPDX-License-Identifier: MIT
#pragma once

#include "core/plan/train_config.hpp"

namespace CLI {
class App;
}

namespace isoflop {

/// Declares --device of a command that runs a model.
void add_device_option(CLI::App& app, DeviceKind& device);

}  // namespace isoflop
