// SPDX-License-Identifier: MIT
#pragma once

#include "core/run/run_document.hpp"

namespace isoflop {

/// A run over all its starts as CSV, piece by piece: one row an iteration, columns named by the
/// keys of the JSON log ("mfu.mfu_percent"), and the losses of evaluations after it. What was not
/// recorded is empty.
void write_run_csv(const TrainingRun& run, const TextSink& sink);

}  // namespace isoflop
