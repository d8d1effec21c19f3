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
  MemoryUsage memory;      ///< the trainer's own, after all steps
  int64_t peak_bytes = 0;  ///< what the GPU held at the highest moment, the start among them
};

/// Steps of config's training on rank 0 of layout.n_ranks H100s: the trainer's own session, engine,
/// optimizer and GPU backend. Data and output folders are made up. The state is copied for a
/// checkpoint behind step `checkpoint_after`: first of what the step after it is recorded with.
RecordedSteps record_steps(TrainConfig config, int n_step, int checkpoint_after = 0);

}  // namespace isoflop::test
