// SPDX-License-Identifier: MIT
#pragma once

#include "core/run/run_set.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace isoflop {

/// How the figures of a run are taken, beside what core/run/settled_steps.hpp says; said above
/// every table.
inline constexpr std::size_t kMinSmoothingSteps = 10;
inline constexpr double kSmoothingFraction = 0.02;

/// One run in figures; what was not recorded is absent.
struct RunSummary {
  std::string name;
  std::string model;
  int64_t n_params = 0;
  int64_t tokens = 0;  ///< trained so far
  int64_t n_devices = 0;
  std::string device;
  std::string layout;                     ///< "fsdp 8x2, mb 4 x 2, recompute full"
  int64_t steps = 0;                      ///< optimizer steps done
  std::optional<double> step_s;           ///< median after warm-up
  std::optional<double> tokens_per_s;     ///< tokens over step time after warm-up
  std::optional<double> mfu;              ///< mean after warm-up, 0..1
  std::optional<double> mfu_std;          ///< sample standard deviation over steps
  std::optional<double> mem_peak_gib;     ///< largest of any step
  std::optional<double> train_loss;       ///< mean of the last steps
  std::optional<double> validation_loss;  ///< last evaluation
  std::optional<double> wall_s;           ///< sum over the starts, lost work included
  int64_t lost_steps = 0;
  std::string state;  ///< "done" or "PARTIAL (running)" and so on
};

/// Kokkos must be initialized.
RunSummary summarize(const TrainingRun& run);

}  // namespace isoflop
