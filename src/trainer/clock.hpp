// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <functional>

namespace isoflop {

/// Seconds; Unix time where nothing else is said.
using Clock = std::function<double()>;

/// The system's.
inline double system_time() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// For intervals: seconds since some moment, never set back.
inline double steady_time() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace isoflop
