// SPDX-License-Identifier: MIT
#pragma once

#include "core/hardware/device_spec.hpp"
#include "core/model/model_shape.hpp"

#include <cstdint>
#include <vector>

namespace isoflop {

struct ShapeRequest {
  DeviceClass device = DeviceClass::gpu;
  int64_t vocab_size = 0;  ///< of the tokenizer; models pad it
  int64_t seq_len = 0;
  double min_params = 0;
  double max_params = 0;
};

/// LLaMA-like models (RMSNorm, RoPE, SwiGLU, no biases, untied) with min_params <= N <= max_params,
/// in order of width, then depth. Widths, FFN widths and vocabularies are the multiples that matrix
/// units like; d_model / n_layer stays within 64-128 from 512 wide on, where the models of Hoffmann
/// et al. (arXiv:2203.15556, table A9), LLaMA and Llama 3 lie, and within 16-64 below (Gadre
/// et al., arXiv:2403.08540: 12 at 96 wide, 64 at 512).
std::vector<ModelShape> candidate_shapes(const ShapeRequest& request);

/// One of those models: d_head 128 from 2,048 wide on, 64 from 256 wide on, 32 below or where
/// d_model is no multiple of 64; d_ff = 8/3 d_model rounded up.
ModelShape make_shape(const ShapeRequest& request, int64_t d_model, int64_t n_layer);

}  // namespace isoflop
