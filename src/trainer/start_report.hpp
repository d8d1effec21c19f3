// SPDX-License-Identifier: MIT
#pragma once

#include "core/plan/train_config.hpp"
#include "trainer/session.hpp"

#include <string>
#include <vector>

namespace isoflop {

/// What will be trained, on what, with how much memory and how fast at most: the lines that the log
/// opens with and --check prints.
std::vector<std::string> start_report(const Preparation& preparation, const Backend& backend,
                                      const std::vector<RankInfo>& ranks);

/// A heading and the configuration as a YAML document, from "---" to "...", that trainer reads back
/// equal.
std::string config_echo(const TrainConfig& config);

}  // namespace isoflop
