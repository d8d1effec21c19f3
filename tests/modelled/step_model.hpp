// SPDX-License-Identifier: MIT
#pragma once

#include "emulation/emulation.hpp"
#include "modelled/gpu_rates.hpp"

#include <vector>

namespace isoflop::test {

/// Seconds that an operation takes on a GPU that does nothing else.
double seconds_alone(const emulation::Work& work, const GpuRates& rates);

/// An operation in time.
struct TimedOperation {
  const emulation::TimelineEntry* entry = nullptr;
  double start_s = 0;
  double end_s = 0;
};

/// By step, in the order of the host's calls.
using TimedSteps = std::vector<std::vector<TimedOperation>>;

/// Plays recorded steps on a modelled GPU: streams in order, each operation behind those that
/// events put before it and behind the host's call. While collectives run, their SMs are missing to
/// products and attention, and what they move is missing to what is bound by memory; kernels of
/// several streams share the GPU evenly, collectives the links or the network. The host enqueues
/// step i + 2 when the results of step i have come to it. Throws std::logic_error when an operation
/// waits for one that never comes.
TimedSteps play(const std::vector<std::vector<emulation::TimelineEntry>>& steps,
                const GpuRates& rates);

}  // namespace isoflop::test
