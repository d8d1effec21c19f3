// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/cuda/matmul.hpp"

namespace isoflop {

/// Plans the products of Ops::head_loss for n_rows rows in chunks of chunk_rows: of whole chunks
/// and of the shorter last one.
void prepare_head_loss(MatmulPlans& plans, int64_t n_rows, int64_t chunk_rows, int64_t vocab_size,
                       int64_t d_model, DType compute);

}  // namespace isoflop
