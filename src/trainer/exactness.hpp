// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/session.hpp"

#include <string>

namespace isoflop {

/// How near a run that goes on from a checkpoint comes to one that was not cut: words behind what
/// the log says of the checkpoint; none where nothing is known.
std::string exactness(Session& session);

}  // namespace isoflop
