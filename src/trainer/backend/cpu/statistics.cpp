// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/cpu/cpu_ops.hpp"
#include "trainer/backend/cpu/sum_in_parts.hpp"
#include "trainer/backend/cpu/vectorise.hpp"
#include "trainer/backend/op_contracts.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace isoflop {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// What segment_statistics reports, in its order.
struct Statistics {
  double sum = 0, sum_of_squares = 0, nonfinite = 0;
  float negated_min = -kInfinity, max = -kInfinity;

  Statistics& operator+=(const Statistics& other) {
    sum += other.sum;
    sum_of_squares += other.sum_of_squares;
    nonfinite += other.nonfinite;
    negated_min = std::max(negated_min, other.negated_min);
    max = std::max(max, other.max);
    return *this;
  }
};

ISOFLOP_INLINE bool is_finite(float value) {
  return (std::bit_cast<uint32_t>(value) & 0x7f800000u) != 0x7f800000u;
}

/// Of values that are all finite; otherwise sum_of_squares is not.
ISOFLOP_VECTORISE Statistics statistics_of_finite(const float* values, int64_t n) {
  double sum = 0, sum_of_squares = 0;
  float min = kInfinity, max = -kInfinity;
#pragma omp simd reduction(+ : sum, sum_of_squares) reduction(min : min) reduction(max : max)
  for (int64_t i = 0; i < n; ++i) {
    const float value = values[i];
    sum += static_cast<double>(value);
    sum_of_squares += static_cast<double>(value) * static_cast<double>(value);
    max = value > max ? value : max;
    min = value < min ? value : min;
  }
  return {sum, sum_of_squares, 0, -min, max};
}

ISOFLOP_VECTORISE Statistics statistics_of_any(const float* values, int64_t n) {
  double sum = 0, sum_of_squares = 0;
  float negated_min = -kInfinity, max = -kInfinity;
  int32_t nonfinite = 0;
#pragma omp simd reduction(+ : sum, sum_of_squares, nonfinite) reduction(max : negated_min, max)
  for (int64_t i = 0; i < n; ++i) {
    const bool finite = is_finite(values[i]);
    const float value = finite ? values[i] : 0.0f;
    sum += static_cast<double>(value);
    sum_of_squares += static_cast<double>(value) * static_cast<double>(value);
    nonfinite += finite ? 0 : 1;
    const float up = finite ? value : -kInfinity, down = finite ? -value : -kInfinity;
    max = up > max ? up : max;
    negated_min = down > negated_min ? down : negated_min;
  }
  return {sum, sum_of_squares, static_cast<double>(nonfinite), negated_min, max};
}

/// Squares of f32 do not overflow f64: a sum that is not finite has a value that is not.
Statistics statistics_of(const float* values, int64_t n) {
  const Statistics result = statistics_of_finite(values, n);
  return std::isfinite(result.sum_of_squares) ? result : statistics_of_any(values, n);
}

}  // namespace

void CpuOps::segment_statistics(const Exec& exec, TensorView sums, TensorView extremes,
                                TensorView flat, TensorView segments) {
  check_statistics(sums, extremes, flat, segments);
  as_cpu_device(exec.device).enqueue(exec.stream, [=] {
    for (int64_t s = 0; s < segments.extent(0); ++s) {
      const int64_t* const segment = segments.as<int64_t>() + 2 * s;
      const float* const values = flat.as<float>() + segment[0];
      const auto result = sum_in_parts<Statistics>(
          segment[1], [&](int64_t first, int64_t n) { return statistics_of(values + first, n); });
      double* const sum = sums.as<double>() + 3 * s;
      sum[0] = result.sum;
      sum[1] = result.sum_of_squares;
      sum[2] = result.nonfinite;
      extremes.as<double>()[2 * s] = static_cast<double>(result.negated_min);
      extremes.as<double>()[2 * s + 1] = static_cast<double>(result.max);
    }
  });
}

void CpuOps::clip_by_global_norm(const Exec& exec, StepState* state, TensorView sums,
                                 double max_norm) {
  as_cpu_device(exec.device).enqueue(exec.stream, [=] {
    double sum_of_squares = 0, nonfinite = 0;
    for (int64_t s = 0; s < sums.extent(0); ++s) {
      sum_of_squares += sums.as<double>()[3 * s + 1];
      nonfinite += sums.as<double>()[3 * s + 2];
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
