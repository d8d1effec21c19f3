// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace isoflop {

/// " (did you mean 'nodes'?)" for the candidate nearest to `word` by edit distance, or "" when none
/// is near (distance above a third of the word's length, at least 2, or no letter in common).
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace isoflop
