// SPDX-License-Identifier: MIT
#pragma once

#include "tokenize/tokenize.hpp"

#include <optional>

namespace isoflop {

/// Reads the command line. Absent when it asked for help, which is then on stdout. Throws
/// ConfigError for everything else that is not a command.
std::optional<TokenizeOptions> parse_options(int argc, const char* const* argv);

}  // namespace isoflop
