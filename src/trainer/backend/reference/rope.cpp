// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/op_contracts.hpp"
#include "trainer/backend/reference/reference_ops.hpp"

#include <cmath>

namespace isoflop {
namespace {

/// Rotates (head[i], head[i + d_head/2]) by sign x position x theta^(-2i/d_head).
void rotate_head(double* head, int64_t d_head, double position, double theta, double sign) {
  const int64_t half = d_head / 2;
  for (int64_t i = 0; i < half; ++i) {
    const double exponent = -2.0 * static_cast<double>(i) / static_cast<double>(d_head);
    const double angle = sign * position * std::pow(theta, exponent);
    const double a = head[i], b = head[i + half];
    head[i] = a * std::cos(angle) - b * std::sin(angle);
    head[i + half] = b * std::cos(angle) + a * std::sin(angle);
  }
}

}  // namespace

void ReferenceOps::rope(const Exec& exec, TensorView qkv, const AttentionShape& heads, double theta,
                        RopeDirection direction) {
  check_rope(qkv, heads);
  as_cpu_device(exec.device).enqueue(exec.stream, [=] {
    const double sign = direction == RopeDirection::forward ? 1 : -1;
    const int64_t T = qkv.extent(1), H = qkv.extent(2), D = heads.d_head;
    for (int64_t row = 0; row < qkv.extent(0) * T; ++row)
      for (int64_t h = 0; h < heads.n_head + heads.n_kv_head; ++h)
        rotate_head(qkv.as<double>() + (row * H + h) * D, D, static_cast<double>(row % T), theta,
                    sign);
  });
}

}  // namespace isoflop
