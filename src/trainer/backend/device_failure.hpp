// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/error.hpp"

#include <string>

namespace isoflop {

/// A device, its driver or one of its libraries failed in the middle of a run; the rank cannot go
/// on. The message names the call and the library's reason.
struct DeviceFailure : Error {
  explicit DeviceFailure(const std::string& message) : Error(ExitCode::kDeviceMissing, message) {}
};

}  // namespace isoflop
