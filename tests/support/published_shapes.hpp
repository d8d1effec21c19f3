// SPDX-License-Identifier: MIT
#pragma once

#include "core/model/model_shape.hpp"

namespace isoflop::test {

/// GPT-2 (Radford et al. 2019) in the shapes of its public release; n_layer 12, d_model 768, n_head
/// 12 is the 124M model.
inline ModelShape gpt2(int64_t n_layer, int64_t d_model, int64_t n_head) {
  ModelShape shape;
  shape.name = "gpt2";
  shape.n_layer = n_layer;
  shape.d_model = d_model;
  shape.n_head = shape.n_kv_head = n_head;
  shape.d_head = d_model / n_head;
  shape.d_ff = 4 * d_model;
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

inline ModelShape gpt2_124m() { return gpt2(12, 768, 12); }

struct LlamaSizes {
  int64_t n_layer;
  int64_t d_model;
  int64_t n_head;
  int64_t n_kv_head;
  int64_t d_ff;
  int64_t vocab_size;
  int64_t max_seq_len;
};

/// LLaMA's architecture (arXiv:2302.13971): RMSNorm, RoPE, SwiGLU, no biases, untied.
inline ModelShape llama(const LlamaSizes& sizes) {
  ModelShape shape;
  shape.name = "llama";
  shape.n_layer = sizes.n_layer;
  shape.d_model = sizes.d_model;
  shape.n_head = sizes.n_head;
  shape.n_kv_head = sizes.n_kv_head;
  shape.d_head = sizes.d_model / sizes.n_head;
  shape.d_ff = sizes.d_ff;
  shape.vocab_size = sizes.vocab_size;
  shape.max_seq_len = sizes.max_seq_len;
  return shape;
}

inline ModelShape llama_7b() { return llama({32, 4096, 32, 32, 11008, 32000, 2048}); }
inline ModelShape llama_65b() { return llama({80, 8192, 64, 64, 22016, 32000, 2048}); }
/// Llama 3 (arXiv:2407.21783, table 3).
inline ModelShape llama3_8b() { return llama({32, 4096, 32, 8, 14336, 128256, 8192}); }
inline ModelShape llama3_70b() { return llama({80, 8192, 64, 8, 28672, 128256, 8192}); }
inline ModelShape llama3_405b() { return llama({126, 16384, 128, 8, 53248, 128256, 8192}); }

/// Mixtral 8x7B (arXiv:2401.04088, table 1).
inline ModelShape mixtral_8x7b() {
  ModelShape shape = llama({32, 4096, 32, 8, 14336, 32000, 32768});
  shape.moe = MoeShape{.n_routed_expert = 8, .n_active_expert = 2, .d_ff_expert = 14336};
  return shape;
}

/// DeepSeek-V3 (arXiv:2412.19437, section 4.2).
inline ModelShape deepseek_v3() {
  ModelShape shape = llama({61, 7168, 128, 128, 18432, 129280, 4096});
  shape.d_head = 192;
  shape.moe = MoeShape{.n_routed_expert = 256,
                       .n_active_expert = 8,
                       .n_shared_expert = 1,
                       .d_ff_expert = 2048,
                       .n_dense_layer = 3,
                       .router_bias = true};
  shape.mla = MlaShape{.q_lora_rank = 1536,
                       .kv_lora_rank = 512,
                       .qk_nope_head_dim = 128,
                       .qk_rope_head_dim = 64,
                       .v_head_dim = 128};
  shape.n_mtp_layer = 1;
  return shape;
}

}  // namespace isoflop::test
