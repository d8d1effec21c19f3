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
  gpt_neox,
  llama,
  mistral,
  mixtral,
  qwen2,
  qwen2_moe,
  qwen3,
  qwen3_moe,
  gemma,
  phi3,
  granite,
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
  int64_t n_kv_head = 0;  ///< 0: as many as query heads
  int64_t d_head = 0;     ///< 0: the hidden size over the heads
  std::string_view eps_key = "rms_norm_eps";
  double norm_eps = 1e-6;
  std::string_view theta_key = "rope_theta";
  double rope_theta = 1e4;
  bool tied = false;
  NormKind norm = NormKind::rmsnorm;
  FfnType ffn = FfnType::gated;
  Activation activation = Activation::silu;
};

inline constexpr std::array kHuggingFaceFamilies = {
    HuggingFaceFamilyRow{.value = HuggingFaceFamily::gpt2, .name = "gpt2"},
    HuggingFaceFamilyRow{.value = HuggingFaceFamily::gpt_bigcode, .name = "gpt_bigcode"},
    HuggingFaceFamilyRow{.value = HuggingFaceFamily::gpt_neo, .name = "gpt_neo"},
    HuggingFaceFamilyRow{.value = HuggingFaceFamily::gpt_neox,
                         .name = "gpt_neox",
                         .eps_key = "layer_norm_eps",
                         .norm_eps = 1e-5,
                         .theta_key = "rotary_emb_base",
                         .norm = NormKind::layernorm,
                         .ffn = FfnType::standard,
                         .activation = Activation::gelu_erf},
    HuggingFaceFamilyRow{.value = HuggingFaceFamily::llama, .name = "llama"},
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
    HuggingFaceFamilyRow{
        .value = HuggingFaceFamily::phi3, .name = "phi3", .max_seq_len = 4096, .norm_eps = 1e-5},
    HuggingFaceFamilyRow{.value = HuggingFaceFamily::granite, .name = "granite"},
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
    RefusedFamily{"bloom", "a norm of the embedding"},
    RefusedFamily{"cohere", "one norm a block"},
    RefusedFamily{"falcon", "one norm a block, or several beside each other"},
    RefusedFamily{"gemma2", "four norms a block"},
    RefusedFamily{"gemma3", "four norms a block"},
    RefusedFamily{"gemma3_text", "four norms a block"},
    RefusedFamily{"gpt_oss", "biases of router and experts, and attention sinks"},
    RefusedFamily{"gptj", "one norm a block and a bias of the output matrix"},
    RefusedFamily{"llama4", "blocks of several kinds"},
    RefusedFamily{"olmo", "norms without parameters"},
    RefusedFamily{"olmo2", "norms of queries and keys over all heads together"},
    RefusedFamily{"olmoe", "norms of queries and keys over all heads together"},
    RefusedFamily{"opt", "two more rows of positions than positions"},
    RefusedFamily{"phi", "one norm a block and a bias of the output matrix"},
};

const HuggingFaceFamilyRow& row_of(HuggingFaceFamily family);

}  // namespace isoflop
