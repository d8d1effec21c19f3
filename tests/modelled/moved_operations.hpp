// SPDX-License-Identifier: MIT
#pragma once

#include "emulation/emulation.hpp"

#include <string>
#include <vector>

namespace isoflop::test {

/// The steps as if the operations of some names had a stream of their own, `to`, which none was on:
/// they keep their order among each other and follow what other streams put before them. What
/// waited for the stream `from` waits for the operation that it was to wait for, and no longer for
/// those of the other stream before it.
std::vector<std::vector<emulation::TimelineEntry>> move_operations(
    std::vector<std::vector<emulation::TimelineEntry>> steps, const std::vector<std::string>& names,
    int from, int to);

}  // namespace isoflop::test
