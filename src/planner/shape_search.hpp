// SPDX-License-Identifier: MIT
#pragma once

#include "core/hardware/device_spec.hpp"
#include "core/model/model_shape.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace isoflop {

struct ShapeRequest {
  DeviceClass device = DeviceClass::gpu;
  int64_t vocab_size = 0;  ///< of the tokenizer; models pad it
  int64_t seq_len = 0;
  double min_params = 0;
  double max_params = 0;
};

/// How attention and FFN of a block are sized.
struct BlockFamily {
  int64_t d_ff_sixths = 16;          ///< d_ff over d_model / 6, before rounding up
  std::optional<int64_t> n_kv_head;  ///< absent: as many as heads
};

/// LLaMA, arXiv:2302.13971: d_ff = 8/3 d_model, as many parameters as 4 d_model without a gate.
inline constexpr BlockFamily kLlamaBlock = {16, std::nullopt};
/// Llama 3 8B and 70B, arXiv:2407.21783, table 3: 8 heads of keys and values, d_ff = 3.5 d_model.
inline constexpr BlockFamily kLlama3Block = {21, 8};

/// The families tried at a width: LLaMA's; Llama 3's from 4,096 wide on where 8 divides the heads;
/// below 512, where neighbouring depths lie far apart, d_ff up to 4 d_model too.
std::vector<BlockFamily> block_families(int64_t d_model);

/// LLaMA-like models (RMSNorm, RoPE, SwiGLU, no biases, untied) with min_params <= N <= max_params,
/// in order of width, then depth. Widths, FFN widths and vocabularies are the multiples that matrix
/// units like; d_model / n_layer stays within 64-128 from 512 wide on, where the models of Hoffmann
/// et al. (arXiv:2203.15556, table A9), LLaMA and Llama 3 lie, and within 16-64 below (Gadre
/// et al., arXiv:2403.08540: 12 at 96 wide, 64 at 512). Any N from the smallest on has one within
/// 5 % (on CPUs with small vocabularies from half a million parameters on).
std::vector<ModelShape> candidate_shapes(const ShapeRequest& request);

/// One of those models: d_head 128 from 2,048 wide on, 64 from 256 wide on, 32 below or where
/// d_model is no multiple of 64, 16 where it is no multiple of 32.
ModelShape make_shape(const ShapeRequest& request, int64_t d_model, int64_t n_layer,
                      const BlockFamily& family = kLlamaBlock);

}  // namespace isoflop
