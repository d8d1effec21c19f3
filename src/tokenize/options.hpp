// SPDX-License-Identifier: MIT
#pragma once

#include "tokenize/tokenize_options.hpp"

#include <filesystem>
#include <optional>
#include <variant>

namespace isoflop {

/// --verify DIR.
struct VerifyOptions {
  std::filesystem::path folder;
};

using CommandOptions = std::variant<TokenizeOptions, FromBinOptions, VerifyOptions>;

/// Reads the command line. Absent when it asked for help, which is then on stdout. Throws
/// ConfigError for everything else that is not a command.
std::optional<CommandOptions> parse_options(int argc, const char* const* argv);

}  // namespace isoflop
