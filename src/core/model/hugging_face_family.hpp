// SPDX-License-Identifier: MIT
#pragma once

#include "core/model/model_shape.hpp"

#include <array>
#include <cstdint>
#include <string_view>

namespace isoflop {

/// The model_type of a config.json that we can count exactly.
enum class HuggingFaceFamily {
  gpt2,
  gpt_bigcode,
  gpt_neo,
  gptj,
  codegen,
  opt,
  bloom,
  falcon,
  mpt,
  qwen,
  gpt_neox,
  llama,
  llama4_text,
  mistral,
  mixtral,
  qwen2,
  qwen2_moe,
  qwen3,
  qwen3_moe,
  gemma,
  gemma2,
  gemma3_text,
  phi,
  phi3,
  phimoe,
  granite,
  granitemoe,
  olmo,
  olmo2,
  olmo3,
  olmoe,
  cohere,
  cohere2,
  glm,
  glm4,
  glm4_moe,
  gpt_oss,
  smollm3,
  stablelm,
  starcoder2,
  deepseek,
  deepseek_v2,
  deepseek_v3,
  kimi_k2
};

/// What absent keys stand for: the defaults of the configuration classes in transformers 4.57, and
/// what the modelling code fixes. Sizes that every file states have none.
struct HuggingFaceFamilyRow {
  HuggingFaceFamily value;
  std::string_view name;
  int64_t max_seq_len = 2048;
  int64_t n_head = 0;      ///< 0: every file states it
  int64_t vocab_size = 0;  ///< 0: every file states it
  int64_t n_kv_head = 0;   ///< 0: as many as query heads
  int64_t d_head = 0;      ///< 0: the hidden size over the heads
  std::string_view eps_key = "rms_norm_eps";
  double norm_eps = 1e-6;
  std::string_view theta_key = "rope_theta";
  double rope_theta = 1e4;
  bool tied = false;
  NormKind norm = NormKind::rmsnorm;
  FfnType ffn = FfnType::gated;
  std::string_view activation_key = "hidden_act";
  Activation activation = Activation::silu;
  int64_t norms_per_block = 2;
};

inline constexpr std::array kHuggingFaceFamilies = {
    HuggingFaceFamilyRow{.value = HuggingFaceFamily::gpt2, .name = "gpt2"},
    HuggingFaceFamilyRow{.value = HuggingFaceFamily::gpt_bigcode, .name = "gpt_bigcode"},
    HuggingFaceFamilyRow{.value = HuggingFaceFamily::gpt_neo, .name = "gpt_neo"},
    HuggingFaceFamilyRow{.value = HuggingFaceFamily::gptj, .name = "gptj"},
    HuggingFaceFamilyRow{.value = HuggingFaceFamily::codegen, .name = "codegen"},
    HuggingFaceFamilyRow{.value = HuggingFaceFamily::opt, .name = "opt"},
    HuggingFaceFamilyRow{.value = HuggingFaceFamily::bloom, .name = "bloom"},
    HuggingFaceFamilyRow{.value = HuggingFaceFamily::falcon, .name = "falcon"},
    HuggingFaceFamilyRow{.value = HuggingFaceFamily::mpt, .name = "mpt"},
    HuggingFaceFamilyRow{.value = HuggingFaceFamily::qwen, .name = "qwen"},
    HuggingFaceFamilyRow{.value = HuggingFaceFamily::gpt_neox,
                         .name = "gpt_neox",
                         .eps_key = "layer_norm_eps",
                         .norm_eps = 1e-5,
                         .theta_key = "rotary_emb_base",
                         .norm = NormKind::layernorm,
                         .ffn = FfnType::standard,
                         .activation = Activation::gelu_erf},
    HuggingFaceFamilyRow{.value = HuggingFaceFamily::llama, .name = "llama"},
    HuggingFaceFamilyRow{.value = HuggingFaceFamily::llama4_text,
                         .name = "llama4_text",
                         .max_seq_len = 131072,
                         .n_kv_head = 8,
                         .d_head = 128,
                         .norm_eps = 1e-5,
                         .rope_theta = 5e5},
    HuggingFaceFamilyRow{.value = HuggingFaceFamily::mistral,
                         .name = "mistral",
                         .max_seq_len = 131072,
                         .n_kv_head = 8},
    HuggingFaceFamilyRow{.value = HuggingFaceFamily::mixtral,
                         .name = "mixtral",
                         .max_seq_len = 131072,
                         .n_kv_head = 8,
                         .norm_eps = 1e-5,
                         .rope_theta = 1e6},
    HuggingFaceFamilyRow{
        .value = HuggingFaceFamily::qwen2, .name = "qwen2", .max_seq_len = 32768, .n_kv_head = 32},
    HuggingFaceFamilyRow{.value = HuggingFaceFamily::qwen2_moe,
                         .name = "qwen2_moe",
                         .max_seq_len = 32768,
                         .n_kv_head = 16},
    HuggingFaceFamilyRow{.value = HuggingFaceFamily::qwen3,
                         .name = "qwen3",
                         .max_seq_len = 32768,
                         .n_kv_head = 32,
                         .d_head = 128},
    HuggingFaceFamilyRow{.value = HuggingFaceFamily::qwen3_moe,
                         .name = "qwen3_moe",
                         .max_seq_len = 32768,
                         .n_kv_head = 4},
    HuggingFaceFamilyRow{.value = HuggingFaceFamily::gemma,
                         .name = "gemma",
                         .max_seq_len = 8192,
                         .n_kv_head = 16,
                         .d_head = 256,
                         .tied = true,
                         .activation = Activation::gelu_tanh},
    HuggingFaceFamilyRow{.value = HuggingFaceFamily::gemma2,
                         .name = "gemma2",
                         .max_seq_len = 8192,
                         .n_kv_head = 4,
                         .d_head = 256,
                         .tied = true,
                         .activation_key = "hidden_activation",
                         .activation = Activation::gelu_tanh,
                         .norms_per_block = 4},
    HuggingFaceFamilyRow{.value = HuggingFaceFamily::gemma3_text,
                         .name = "gemma3_text",
                         .max_seq_len = 131072,
                         .n_head = 8,
                         .vocab_size = 262208,
                         .n_kv_head = 4,
                         .d_head = 256,
                         .rope_theta = 1e6,
                         .tied = true,
                         .activation_key = "hidden_activation",
                         .activation = Activation::gelu_tanh,
                         .norms_per_block = 4},
    HuggingFaceFamilyRow{.value = HuggingFaceFamily::phi,
                         .name = "phi",
                         .eps_key = "layer_norm_eps",
                         .norm_eps = 1e-5,
                         .norm = NormKind::layernorm,
                         .ffn = FfnType::standard,
                         .activation = Activation::gelu_tanh,
                         .norms_per_block = 1},
    HuggingFaceFamilyRow{
        .value = HuggingFaceFamily::phi3, .name = "phi3", .max_seq_len = 4096, .norm_eps = 1e-5},
    HuggingFaceFamilyRow{.value = HuggingFaceFamily::phimoe,
                         .name = "phimoe",
                         .max_seq_len = 131072,
                         .n_kv_head = 8,
                         .norm_eps = 1e-5,
                         .rope_theta = 1e6,
                         .norm = NormKind::layernorm},
    HuggingFaceFamilyRow{.value = HuggingFaceFamily::granite, .name = "granite"},
    HuggingFaceFamilyRow{.value = HuggingFaceFamily::granitemoe, .name = "granitemoe"},
    HuggingFaceFamilyRow{.value = HuggingFaceFamily::olmo,
                         .name = "olmo",
                         .norm_eps = 1e-5,
                         .norm = NormKind::layernorm_nobias},
    HuggingFaceFamilyRow{.value = HuggingFaceFamily::olmo2, .name = "olmo2", .norm_eps = 1e-5},
    HuggingFaceFamilyRow{.value = HuggingFaceFamily::olmo3, .name = "olmo3", .norm_eps = 1e-5},
    HuggingFaceFamilyRow{
        .value = HuggingFaceFamily::olmoe, .name = "olmoe", .max_seq_len = 4096, .norm_eps = 1e-5},
    HuggingFaceFamilyRow{.value = HuggingFaceFamily::cohere,
                         .name = "cohere",
                         .max_seq_len = 8192,
                         .eps_key = "layer_norm_eps",
                         .norm_eps = 1e-5,
                         .tied = true,
                         .norm = NormKind::layernorm_nobias,
                         .norms_per_block = 1},
    HuggingFaceFamilyRow{.value = HuggingFaceFamily::cohere2,
                         .name = "cohere2",
                         .max_seq_len = 8192,
                         .eps_key = "layer_norm_eps",
                         .norm_eps = 1e-5,
                         .tied = true,
                         .norm = NormKind::layernorm_nobias,
                         .norms_per_block = 1},
    HuggingFaceFamilyRow{.value = HuggingFaceFamily::glm,
                         .name = "glm",
                         .max_seq_len = 131072,
                         .n_kv_head = 2,
                         .d_head = 128,
                         .norm_eps = 1.5625e-7},
    HuggingFaceFamilyRow{.value = HuggingFaceFamily::glm4,
                         .name = "glm4",
                         .max_seq_len = 131072,
                         .n_kv_head = 2,
                         .d_head = 128,
                         .norm_eps = 1.5625e-7,
                         .norms_per_block = 4},
    HuggingFaceFamilyRow{.value = HuggingFaceFamily::glm4_moe,
                         .name = "glm4_moe",
                         .max_seq_len = 131072,
                         .n_kv_head = 8,
                         .norm_eps = 1e-5},
    HuggingFaceFamilyRow{.value = HuggingFaceFamily::gpt_oss,
                         .name = "gpt_oss",
                         .max_seq_len = 131072,
                         .n_kv_head = 8,
                         .d_head = 64,
                         .norm_eps = 1e-5,
                         .rope_theta = 1.5e5},
    HuggingFaceFamilyRow{.value = HuggingFaceFamily::smollm3,
                         .name = "smollm3",
                         .max_seq_len = 32768,
                         .n_kv_head = 4,
                         .rope_theta = 2e6,
                         .tied = true},
    HuggingFaceFamilyRow{.value = HuggingFaceFamily::stablelm,
                         .name = "stablelm",
                         .max_seq_len = 4096,
                         .n_kv_head = 32,
                         .eps_key = "layer_norm_eps",
                         .norm_eps = 1e-5,
                         .norm = NormKind::layernorm},
    HuggingFaceFamilyRow{.value = HuggingFaceFamily::starcoder2,
                         .name = "starcoder2",
                         .max_seq_len = 4096,
                         .n_kv_head = 2,
                         .eps_key = "norm_epsilon",
                         .norm_eps = 1e-5,
                         .tied = true,
                         .norm = NormKind::layernorm,
                         .ffn = FfnType::standard,
                         .activation = Activation::gelu_tanh},
    HuggingFaceFamilyRow{.value = HuggingFaceFamily::deepseek, .name = "deepseek"},
    HuggingFaceFamilyRow{.value = HuggingFaceFamily::deepseek_v2, .name = "deepseek_v2"},
    HuggingFaceFamilyRow{
        .value = HuggingFaceFamily::deepseek_v3, .name = "deepseek_v3", .max_seq_len = 4096},
    HuggingFaceFamilyRow{
        .value = HuggingFaceFamily::kimi_k2, .name = "kimi_k2", .max_seq_len = 4096},
};

/// A model_type that is known and cannot be counted here, and what it has that our shapes lack.
struct RefusedFamily {
  std::string_view name;
  std::string_view reason;
};

inline constexpr std::array kRefusedFamilies = {
    RefusedFamily{"falcon_h1", "state-space layers"},
    RefusedFamily{"falcon_mamba", "state-space layers"},
    RefusedFamily{"granitemoehybrid", "state-space layers"},
    RefusedFamily{"jamba", "state-space layers"},
    RefusedFamily{"mamba", "state-space layers"},
    RefusedFamily{"mamba2", "state-space layers"},
    RefusedFamily{"mllama", "cross-attention layers"},
    RefusedFamily{"phi3small", "blocks of several kinds"},
    RefusedFamily{"qwen3_next", "layers with linear attention"},
    RefusedFamily{"recurrent_gemma", "recurrent layers"},
    RefusedFamily{"rwkv", "recurrent layers"},
    RefusedFamily{"t5", "an encoder"},
};

const HuggingFaceFamilyRow& row_of(HuggingFaceFamily family);

}  // namespace isoflop
