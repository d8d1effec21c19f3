// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/cpu/matmul.hpp"
#include "trainer/backend/ops.hpp"

/// Attention that keeps all probabilities: matrix products of whole heads and a softmax row by row,
/// as nanoGPT does without a fused kernel. Enqueues on exec.stream.
namespace isoflop {

struct ManualForward {
  TensorView out, probabilities, qkv;
};
void manual_attention_forward(const Exec& exec, MatmulCache& products, const ManualForward& tensors,
                              const AttentionParams& params);

/// `scratch` is shaped as the probabilities.
struct ManualBackward {
  TensorView d_qkv, scratch, d_out, qkv, probabilities;
};
void manual_attention_backward(const Exec& exec, MatmulCache& products,
                               const ManualBackward& tensors, const AttentionParams& params);

}  // namespace isoflop
