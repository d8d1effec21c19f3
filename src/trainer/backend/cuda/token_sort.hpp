// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/device.hpp"

#include <cstdint>

namespace isoflop {

/// A token and its place in the batch.
struct TokenPosition {
  int32_t token;
  int32_t position;
};

/// Enqueues a stable sort of tokens (any shape, i32, within [0, vocab_size)) by token and returns
/// where the result will be: memory of exec.arena, token_sort_scratch_bytes of which are taken and
/// left to the caller's scope.
const TokenPosition* sort_tokens(const Exec& exec, TensorView tokens, int64_t vocab_size);
int64_t token_sort_scratch_bytes(int64_t n_tokens);

}  // namespace isoflop
