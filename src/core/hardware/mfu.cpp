// SPDX-License-Identifier: MIT
#include "core/hardware/mfu.hpp"

#include "core/base/check.hpp"

namespace isoflop {

double mfu(double train_flops_per_token, double tokens_per_s_per_device, double peak_dense_tflops) {
  ISOFLOP_CHECK(peak_dense_tflops > 0);
  return train_flops_per_token * tokens_per_s_per_device / (peak_dense_tflops * 1e12);
}

}  // namespace isoflop
