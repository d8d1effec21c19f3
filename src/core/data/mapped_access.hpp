// SPDX-License-Identifier: MIT
#pragma once

#include <functional>

namespace isoflop {

/// Runs `access`, which reads memory that a file is mapped to, and owns nothing. False when the
/// system has no page to give: the disk or its server failed, or the file was cut since. Elsewhere
/// such a fault (SIGBUS) ends the process as before.
bool try_mapped_access(const std::function<void()>& access);

}  // namespace isoflop
