// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/cuda/matmul.hpp"

namespace isoflop {

/// Plans the three products of a linear layer of M rows, N outputs and K inputs: out = x w^T
/// [+ bias], d_x = d_out w, d_w += d_out^T x (f32 whatever the dtype of the operands).
void prepare_linear(MatmulPlans& plans, int64_t M, int64_t N, int64_t K, DType compute,
                    bool has_bias);

/// Plans, where cuBLASLt has them, the products of an FFN that end with GELU, forward, and with its
/// gradient: from C to F features with that bias, from F features back.
void prepare_gelu_products(MatmulPlans& plans, int64_t M, int64_t F, int64_t C, DType compute,
                           bool has_bias);

}  // namespace isoflop
