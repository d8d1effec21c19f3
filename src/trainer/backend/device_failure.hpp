// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/error.hpp"

#include <string>
#include <utility>

namespace isoflop {

/// A device, its driver or one of its libraries failed in the middle of a run; the rank cannot go
/// on. The message names the call and the library's reason.
struct DeviceFailure : Error {
  /// `of_device` is "GPU 0000:1B:00.0", where that is known.
  explicit DeviceFailure(const std::string& message, std::string of_device = "its GPU")
      : Error(ExitCode::kDeviceMissing, message), device(std::move(of_device)) {}
  std::string device;
};

/// The host has no memory to give that a device can reach. The message says how much was asked for.
struct PinnedMemoryError : OutOfMemoryError {
  using OutOfMemoryError::OutOfMemoryError;
};

}  // namespace isoflop
