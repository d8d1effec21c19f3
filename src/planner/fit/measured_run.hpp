// SPDX-License-Identifier: MIT
#pragma once

#include "core/hardware/cluster.hpp"
#include "core/hardware/gpu_catalog.hpp"
#include "core/run/run_reader.hpp"
#include "planner/step_time.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <variant>

namespace isoflop {

/// Medians over the steps of a run after its warm-up, seconds.
struct MeasuredStep {
  double total_s = 0;
  std::optional<double> communication_s;  ///< exposed
  std::optional<double> optimizer_s;
};

/// A run of our trainer as its file recorded it, with the nodes it had.
struct MeasuredRun {
  std::string name;  ///< the file
  ModelShape shape;
  Layout layout;
  int64_t seq_len = 0;
  Precision precision = Precision::fp32;
  Partition partition;
  JobSize job;
  int64_t n_step = 0;  ///< that the medians are over
  MeasuredStep step;
};

/// Why a run says nothing about the constants: "path: reason what to do".
struct UnusableRun {
  std::string reason;
};

/// The steps of the full batch after the first 5 %, at least two. The nodes are those of `cluster`
/// whose device the run names; without one a GPU's usual node (usual_node_network), and a CPU,
/// whose memory and links its file does not hold, cannot be used.
std::variant<MeasuredRun, UnusableRun> measured_run(const RunFile& file, const GpuCatalog& catalog,
                                                    const std::optional<Cluster>& cluster);

/// As measured_run, of a file on the nodes of `partition`. Throws FileError for a file that cannot
/// be read and ConfigError for a run that says nothing.
MeasuredRun read_measured_run(const std::filesystem::path& path, const Partition& partition);

/// What the constants expect of it.
StepTime predict_run(const MeasuredRun& run, const Calibration& calibration);

}  // namespace isoflop
