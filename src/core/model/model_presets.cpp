// SPDX-License-Identifier: MIT
#include "core/model/architecture.hpp"

namespace isoflop {
namespace {

/// GPT-2 (Radford et al. 2019): its vocabulary of 50,257 byte pairs and 1,024 positions.
ModelShape gpt2() {
  ModelShape shape;
  shape.vocab_size = 50257;
  shape.max_seq_len = 1024;
  shape.norm = NormKind::layernorm;
  shape.ffn = FfnType::standard;
  shape.activation = Activation::gelu_tanh;
  shape.position = PositionEncoding::learned_absolute;
  shape.qkv_bias = shape.attention_out_bias = shape.ffn_bias = true;
  shape.tied_embeddings = true;
  return shape;
}

ModelShape gpt2_postnorm() {
  ModelShape shape = gpt2();
  shape.norm = NormKind::layernorm_nobias;
  shape.norm_position = NormPosition::post;
  shape.qkv_bias = shape.attention_out_bias = shape.ffn_bias = false;
  return shape;
}

/// LLaMA (arXiv:2302.13971): what ModelShape starts as.
ModelShape llama() { return {}; }

ModelShape hybrid() {
  ModelShape shape = gpt2();
  shape.position = PositionEncoding::rope;
  return shape;
}

}  // namespace

std::span<const ModelPreset> model_presets() {
  static const std::array presets = {
      ModelPreset{"gpt2",
                  "GPT-2 as published: LayerNorm before, learned positions, tanh GELU, "
                  "biases, tied, vocabulary 50257",
                  gpt2()},
      ModelPreset{"gpt2-postnorm",
                  "GPT-2 with LayerNorm without bias after each sub-layer, no "
                  "biases",
                  gpt2_postnorm()},
      ModelPreset{"llama", "LLaMA: RMSNorm before, RoPE, SwiGLU, no biases, untied", llama()},
      ModelPreset{"team", "another name for llama", llama()},
      ModelPreset{"hybrid", "GPT-2 with RoPE in place of learned positions", hybrid()},
      ModelPreset{"custom", "no preset: what is left out is as in llama", llama()},
  };
  return presets;
}

}  // namespace isoflop
