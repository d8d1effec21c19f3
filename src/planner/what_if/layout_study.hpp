// SPDX-License-Identifier: MIT
#pragma once

#include "core/hardware/cluster.hpp"
#include "planner/allocation.hpp"
#include "planner/cost/software_stack.hpp"
#include "planner/layout_search.hpp"
#include "planner/what_if/layout_ranking.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace isoflop {

/// A model and a job whose layouts are to be ranked.
struct LayoutStudyRequest {
  ModelShape shape;
  Partition partition;
  JobSize job;
  Precision precision = Precision::bf16;
  int64_t seq_len = 0;
  int64_t global_batch = 0;
  bool what_if = false;
  /// The program that runs it; absent: our trainer.
  std::optional<SoftwareStack> program;
  LayoutFilter only;
  std::optional<std::filesystem::path> calibration;  ///< instead of data/calibration.yaml
  std::size_t top = 10;
  int threads = 1;
};

struct LayoutStudy {
  LayoutRanking ranking;
  MemoryCapacity capacity;
  int64_t fast_domain = 1;
  double peak_flops = 0;  ///< dense, of a device
  /// What our trainer lacks whatever the layout; empty when only the layout decides.
  std::vector<std::string> not_runnable;
};

/// What is laid out, as the search sees it. `request` must outlive it.
LayoutJob layout_job(const LayoutStudyRequest& request, int64_t fast_domain);

/// Throws ConfigError where nothing could be laid out at all: a sequence that the model cannot
/// have, experts without what_if, CPUs with it.
LayoutStudy study_layouts(const LayoutStudyRequest& request);

}  // namespace isoflop
