// SPDX-License-Identifier: MIT
#pragma once

#include "core/run/run_reader.hpp"
#include "core/run/run_set.hpp"

#include <cstdint>
#include <string>

namespace isoflop {

/// Steps first..last of 100 tokens and 0.5 s each, loss 10 - step / 100, 40 % MFU on odd and 50 %
/// on even steps, 2 GiB + step MiB of memory; step n ends at second 1000 + n of Unix time.
RunFile sample_segment(const std::string& run_id, int32_t number, int64_t resumed_from_step,
                       int64_t last_step);

/// A validation loss at a step of 100 tokens each.
EvalRecord sample_eval(int64_t step, double loss);

/// A finished run of one segment.
TrainingRun sample_run(const std::string& run_id, int64_t last_step);

}  // namespace isoflop
