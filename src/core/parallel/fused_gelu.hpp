// SPDX-License-Identifier: MIT
#pragma once

#include "core/model/model_shape.hpp"

#include <cstdint>

namespace isoflop {

/// Whether the trainer's matrix products on a GPU of that compute capability x 10 end with an FFN's
/// activation, forward and backward, instead of leaving it to a kernel of its own: with the tanh
/// form of GELU alone, the only one that cuBLASLt has, in rows of d_ff whose leading dimension it
/// takes (cublasLt.h, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD), and where that is known to be faster:
/// H100 and H200 (karpathy/llm.c, pull requests 591 and 653; sgl-project/sglang, 34350), B200
/// (sglang, 28168: 1.18 to 1.24 times the speed of product and activation). On sm89 a second kernel
/// did it (llm.c, 338), and llm.c leaves A100 out as well; on sm120 it is slower (sglang, 34350).
constexpr bool fuses_gelu(int sm_version, Activation activation, int64_t element_bytes,
                          int64_t d_ff) {
  constexpr int64_t kLdMultiple = 8;
  const bool is_faster = sm_version == 90 || sm_version / 10 == 10;
  return is_faster && activation == Activation::gelu_tanh && element_bytes == 2 &&
         d_ff % kLdMultiple == 0;
}

}  // namespace isoflop
