// SPDX-License-Identifier: MIT
#pragma once

#include "core/plan/train_config.hpp"
#include "trainer/session.hpp"

#include <string>
#include <vector>

namespace isoflop {

/// What will be trained, on what and with how much memory: the lines that the log opens with and
/// --check prints.
std::vector<std::string> start_report(const Preparation& preparation, const Backend& backend);

}  // namespace isoflop
