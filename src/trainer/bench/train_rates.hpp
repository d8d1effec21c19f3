// SPDX-License-Identifier: MIT
#pragma once

#include "core/plan/train_config.hpp"
#include "trainer/backend/backend.hpp"
#include "trainer/telemetry/step_timer.hpp"

#include <array>
#include <cstdint>
#include <vector>

namespace isoflop {

/// A model of the LLaMA form that is trained for a few steps to see what a device reaches.
struct TrainProbe {
  int64_t d_model = 0;
  int64_t n_layer = 0;
  int64_t n_head = 0;
  int64_t seq_len = 0;
  int64_t micro_batch_size = 0;
};

/// From models that a few minutes of one core can train to ones that matrix products dominate.
inline constexpr std::array kTrainProbes = {
    TrainProbe{.d_model = 64, .n_layer = 4, .n_head = 2, .seq_len = 256, .micro_batch_size = 8},
    TrainProbe{.d_model = 128, .n_layer = 4, .n_head = 4, .seq_len = 256, .micro_batch_size = 8},
    TrainProbe{.d_model = 256, .n_layer = 6, .n_head = 4, .seq_len = 256, .micro_batch_size = 4},
    TrainProbe{.d_model = 512, .n_layer = 8, .n_head = 8, .seq_len = 256, .micro_batch_size = 4},
};

struct TrainRate {
  TrainProbe probe;
  double tflops = 0;  ///< achieved model TFLOP/s (causal) of whole steps, median
};

/// Trains `config`'s model for some steps on random tokens, alone, through the trainer's own
/// session and loop, and gives the times of each step but the first: at least kMinSteps, and more
/// until `min_seconds` are spent. The configuration's data and schedule are replaced.
std::vector<PhaseTimes> measure_steps(TrainConfig config, Backend backend, double min_seconds);

/// The phases of the step of median length.
PhaseTimes median_step(std::vector<PhaseTimes> steps);

/// Trains the probe on random tokens by itself, through the trainer's own session and loop.
TrainRate measure_training(const TrainProbe& probe, int n_threads);

}  // namespace isoflop
