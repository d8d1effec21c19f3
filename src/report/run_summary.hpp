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
  std::string state;  ///< "done" or "PARTIAL (running)" and so on
  std::string model;
  int64_t n_params = 0;
  int64_t tokens = 0;  ///< trained so far
  int64_t n_devices = 0;
  std::string device;
  std::string layout;  ///< "fsdp 8x2, mb 4 x 2, recompute full"
  std::string precision;
  int64_t steps = 0;                        ///< optimizer steps done
  std::optional<double> step_s;             ///< median after warm-up
  std::optional<double> step_p95_s;         ///< 95 % of the steps after warm-up took no longer
  std::optional<double> tokens_per_s;       ///< tokens over step time after warm-up
  std::optional<double> mfu;                ///< mean after warm-up, 0..1
  std::optional<double> mfu_std;            ///< sample standard deviation over steps
  std::optional<double> full_square_ratio;  ///< MFU with attention not halved, over mfu
  std::optional<double> tflops;             ///< mean after warm-up, per device
  std::optional<double> hfu;                ///< mfu with recomputation counted
  std::optional<double> mem_peak_gib;       ///< largest of any step
  std::optional<double> exposed_comm;       ///< fraction of step time after warm-up
  std::optional<double> train_loss;         ///< mean of the last steps
  std::optional<double> validation_loss;    ///< last evaluation
  std::optional<double> wall_s;             ///< sum over the starts, lost work included
  std::optional<double> productive;         ///< time of the steps that count, over wall_s
  int64_t restarts = 0;
  int64_t lost_steps = 0;
};

RunSummary summarize(const TrainingRun& run);

/// "done", or "PARTIAL (failed)" and so on.
std::string state_text(const TrainingRun& run);

/// The run's name in tables without a column for its state: "a (PARTIAL)".
std::string marked_name(const TrainingRun& run);

}  // namespace isoflop
