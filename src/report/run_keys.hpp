// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/table/table.hpp"
#include "core/run/run_set.hpp"

#include <map>
#include <span>
#include <string>
#include <vector>

namespace isoflop {

/// What the last start's header says of a run by one value, by key: the identity ("cluster",
/// "slurm_job_id"), the header's groups
/// ("config.seed", "hardware.gpu_name") and the configuration ("model.position_encoding").
using RunKeys = std::map<std::string, Cell>;
RunKeys header_keys(const TrainingRun& run);

/// The configuration alone, lists as one text.
RunKeys configuration_keys(const TrainingRun& run);

/// The value of a key of the header, or of a column of the runs table ("mfu_mean_percent"); unknown
/// where this run lacks it. Throws ConfigError, naming `option`, when none of the runs has it.
std::vector<Cell> values_of_key(std::span<const TrainingRun> runs, const std::string& option,
                                const std::string& key);

/// As CSV has it; "-" for an unknown value.
std::string cell_text(const Cell& cell);

}  // namespace isoflop
