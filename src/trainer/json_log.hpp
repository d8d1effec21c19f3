// SPDX-License-Identifier: MIT
#pragma once

#include "core/plan/train_config.hpp"

namespace isoflop {

/// With log.json: writes the JSON log of the run over all its starts, from their run files, which
/// must be closed. Rank 0 only. A failure is said and no more: the run files hold everything.
void write_json_log(const TrainConfig& config);

}  // namespace isoflop
