// SPDX-License-Identifier: MIT
#pragma once

#include "tokenize/tokenize.hpp"

#include <filesystem>
#include <string>

namespace isoflop {

/// What was read and written, the baselines to beat and the next step, for a person.
std::string tokenize_summary(const TokenizeResult& result, const std::filesystem::path& out);

}  // namespace isoflop
