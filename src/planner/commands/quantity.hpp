// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace isoflop {

/// A number above zero as people write counts: 1e23, 7B, 1.4T, 300G, "6738415616". `option` names
/// it in the ConfigError for anything else.
double parse_quantity(const std::string& option, const std::string& text);

}  // namespace isoflop
