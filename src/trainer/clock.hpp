// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <functional>

namespace isoflop {

/// Unix time in seconds.
using Clock = std::function<double()>;

/// The system's.
inline double system_time() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace isoflop
