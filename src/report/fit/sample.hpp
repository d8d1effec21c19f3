// SPDX-License-Identifier: MIT
#pragma once

#include "report/fit/device_series.hpp"

namespace isoflop::fit {

/// One measured loss as kernels see it: natural logarithms less their means over all samples, so
/// that no unit of N, D or the loss changes how a fit goes.
struct Sample {
  double log_params = 0;
  double log_tokens = 0;
  double log_unique_tokens = 0;  ///< less the mean of log_tokens
  double log_loss = 0;
};

/// The means that were taken off.
struct SampleCenter {
  double log_params = 0;
  double log_tokens = 0;
  double log_loss = 0;
};

using SampleView = Kokkos::View<const Sample*, Space>;
/// (problem, sample): how often a problem counts a sample.
using WeightView = Kokkos::View<const float**, Kokkos::LayoutRight, Space>;

}  // namespace isoflop::fit
