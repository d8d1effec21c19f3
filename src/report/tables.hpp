// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/table/table.hpp"
#include "report/loss_curve.hpp"
#include "report/run_summary.hpp"

#include <span>
#include <vector>

namespace isoflop {

/// One row a run.
Table runs_table(std::span<const RunSummary> summaries);

/// One row a value of a key, of runs that stand in groups as select_runs leaves them.
Table group_table(std::span<const TrainingRun> runs, std::span<const RunSummary> summaries,
                  const std::string& key);

/// What each run lost time by, a row a run and check, and why its MFU is low; without rows yet.
Table health_table();
void add_health(const TrainingRun& run, const RunSummary& summary, Table& table);

/// What the plan promised against what was measured, one row per run and quantity that has both a
/// promise and a measurement; the loss only of runs that are done.
Table prediction_table(std::span<const TrainingRun> runs, std::span<const RunSummary> summaries);

/// Loss at equal amounts of a budget, one row a run and one column an amount.
Table loss_table(std::span<const TrainingRun> runs, LossBudget budget);

/// The run of least loss at each of those amounts, of two runs or more.
Table best_runs_table(std::span<const TrainingRun> runs);

}  // namespace isoflop
