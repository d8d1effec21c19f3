// SPDX-License-Identifier: MIT
#pragma once

#include "core/hardware/precision.hpp"
#include "core/model/model_shape.hpp"

#include <cstdint>
#include <vector>

namespace isoflop {

/// Whole training steps of one model, for every precision and length asked for.
struct ModelBench {
  ModelShape model;
  std::vector<Precision> precisions = {Precision::fp32};
  std::vector<int64_t> seq_lens;
  int64_t batch_size = 4;  ///< sequences a step
  int n_threads = 1;
};

/// Measures on the CPU, with the rate of large matrix products before each, and prints a table: the
/// median step and its phases, tokens a second, matrix FLOP/s (forward and backward, causal
/// attention) and their share of that rate.
void run_model_bench(const ModelBench& bench);

}  // namespace isoflop
