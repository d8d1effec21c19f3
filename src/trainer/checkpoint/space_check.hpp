// SPDX-License-Identifier: MIT
#pragma once

#include "core/plan/train_config.hpp"

#include <cstdint>
#include <string>

namespace isoflop {

/// Checkpoints that lie on disk at the same time: those that are kept, and the one being written.
/// Milestones come on top. 0 for a run that writes none.
int64_t checkpoints_on_disk(const CheckpointConfig& config);

/// Throws FileError when the file system has no room for them beside those that are there, with
/// what to change.
void check_checkpoint_space(const TrainConfig& config);

/// "every 30 min and at the end to runs/a.checkpoints, 1.4 GiB each, 2 kept".
std::string checkpoint_plan_text(const TrainConfig& config);

}  // namespace isoflop
