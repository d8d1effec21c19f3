// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

/// Bytes of arena scratch that ops of CudaOps take at these sizes; never fewer for larger ones.
namespace isoflop {

struct AttentionShape;

int64_t embedding_scratch_bytes(int64_t n_tokens, int64_t d_model);
int64_t head_loss_scratch_bytes(int64_t n_rows);
int64_t norm_scratch_bytes(int64_t rows, int64_t columns);
int64_t qk_norm_scratch_bytes(int64_t n_token, const AttentionShape& heads);
/// adamw and apply_updates.
int64_t segment_update_scratch_bytes(int64_t n_segments);
int64_t statistics_scratch_bytes(int64_t n_segments);
int64_t column_sum_scratch_bytes(int64_t rows, int64_t columns);

}  // namespace isoflop
