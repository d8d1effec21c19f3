// SPDX-License-Identifier: MIT
#pragma once

#include "core/plan/train_config.hpp"
#include "emulation/emulation.hpp"
#include "trainer/backend/memory_category.hpp"

#include <vector>

namespace isoflop::test {

/// What one rank of a job enqueues, from a training session whose GPU computes nothing.
struct RecordedSteps {
  /// By step, in the order of the host's calls. The host enqueues step i + 1 and then waits for
  /// step i, as train() does.
  std::vector<std::vector<emulation::TimelineEntry>> steps;
  MemoryUsage memory;  ///< the trainer's own, after all steps
};

/// Steps of config's training on rank 0 of layout.n_ranks H100s: the trainer's own session, engine,
/// optimizer and GPU backend. Data and output folders are made up.
RecordedSteps record_steps(TrainConfig config, int n_step);

}  // namespace isoflop::test
