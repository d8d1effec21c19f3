// SPDX-License-Identifier: MIT
#pragma once

namespace isoflop {

/// Whether a result is added to what its memory holds, or takes its place.
enum class Accumulate { no, yes };

}  // namespace isoflop
