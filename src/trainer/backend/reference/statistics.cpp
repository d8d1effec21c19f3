// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/op_contracts.hpp"
#include "trainer/backend/reference/reference_ops.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace isoflop {
namespace {

void segment(double* sums, double* extremes, const double* values, int64_t size) {
  std::fill_n(sums, 3, 0.0);
  std::fill_n(extremes, 2, -std::numeric_limits<double>::infinity());
  for (int64_t i = 0; i < size; ++i) {
    if (!std::isfinite(values[i])) {
      sums[2] += 1;
      continue;
    }
    sums[0] += values[i];
    sums[1] += values[i] * values[i];
    extremes[0] = std::max(extremes[0], -values[i]);
    extremes[1] = std::max(extremes[1], values[i]);
  }
}

}  // namespace

void ReferenceOps::segment_statistics(const Exec& exec, TensorView sums, TensorView extremes,
                                      TensorView flat, TensorView segments) {
  check_statistics(sums, extremes, flat, segments);
  as_cpu_device(exec.device).enqueue(exec.stream, [=] {
    for (int64_t i = 0; i < segments.extent(0); ++i) {
      const int64_t* const where = segments.as<int64_t>() + 2 * i;
      segment(sums.as<double>() + 3 * i, extremes.as<double>() + 2 * i,
              flat.as<double>() + where[0], where[1]);
    }
  });
}

void ReferenceOps::clip_by_global_norm(const Exec& exec, StepState* state, TensorView sums,
                                       double max_norm) {
  as_cpu_device(exec.device).enqueue(exec.stream, [=] {
    double sum_of_squares = 0, nonfinite = 0;
    for (int64_t i = 0; i < sums.extent(0); ++i) {
      sum_of_squares += sums.as<double>()[3 * i + 1];
      nonfinite += sums.as<double>()[3 * i + 2];
    }
    const double scale = state->loss_scale.scale;
    const double norm = std::sqrt(sum_of_squares) / scale;
    state->output.grad_norm = norm;
    state->output.clip_scale = (max_norm > 0 && norm > max_norm ? max_norm / norm : 1) / scale;
    state->output.nonfinite = nonfinite;
    state->output.skip = nonfinite > 0 ? 1 : 0;
    state->n_update += 1 - state->output.skip;
  });
}

}  // namespace isoflop
