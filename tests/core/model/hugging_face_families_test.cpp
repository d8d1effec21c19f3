// SPDX-License-Identifier: MIT
// Parameter counts of published models, from the sizes in their config.json files at
// huggingface.co. The counts are those of the published weights (model cards, safetensors
// indices), and each was recomputed by hand from the sizes before it was written down.
#include "core/base/error.hpp"
#include "core/model/flops.hpp"
#include "core/model/hugging_face_family.hpp"
#include "core/model/model_config.hpp"
#include "core/model/param_count.hpp"
#include "core/model/parameter_list.hpp"
#include "support/error_matchers.hpp"

#include <set>

namespace isoflop {
namespace {

using testing::HasSubstr;

ModelShape parse(const std::string& text) {
  return read_model(ConfigNode::parse(text, "config.json", ConfigSyntax::json_with_comments));
}

std::string error_of(const std::string& text) {
  return test::message_of<ConfigError>([&] { parse(text); });
}

/// The keys that most families share.
std::string config(const std::string& family, int n_layer, int d_model, int n_head, int d_ff,
                   int vocab_size, const std::string& more = "") {
  return "{\"model_type\": \"" + family + "\", \"num_hidden_layers\": " + std::to_string(n_layer) +
         ", \"hidden_size\": " + std::to_string(d_model) +
         ", \"num_attention_heads\": " + std::to_string(n_head) +
         ", \"intermediate_size\": " + std::to_string(d_ff) +
         ", \"vocab_size\": " + std::to_string(vocab_size) + (more.empty() ? "" : ", ") + more +
         "}";
}

std::string kv(int n_kv_head) { return "\"num_key_value_heads\": " + std::to_string(n_kv_head); }

constexpr const char* kTied = ", \"tie_word_embeddings\": true";

struct Published {
  const char* name;
  std::string config;
  int64_t n_params;
};

std::vector<Published> llama_like() {
  return {
      {"Llama 2 13B", config("llama", 40, 5120, 40, 13824, 32000), 13'015'864'320},
      {"Llama 2 70B", config("llama", 80, 8192, 64, 28672, 32000, kv(8)), 68'976'648'192},
      {"Llama 3.2 1B", config("llama", 16, 2048, 32, 8192, 128256, kv(8) + kTied), 1'235'814'400},
      {"Llama 3.2 3B", config("llama", 28, 3072, 24, 8192, 128256, kv(8) + kTied), 3'212'749'824},
      {"TinyLlama 1.1B", config("llama", 22, 2048, 32, 5632, 32000, kv(4)), 1'100'048'384},
      {"Yi 34B", config("llama", 60, 7168, 56, 20480, 64000, kv(8)), 34'388'917'248},
      {"Mistral 7B", config("mistral", 32, 4096, 32, 14336, 32000, kv(8)), 7'241'732'096},
      {"Mistral 7B, absent key", config("mistral", 32, 4096, 32, 14336, 32000), 7'241'732'096},
      {"Mistral Nemo 12B",
       config("mistral", 40, 5120, 32, 14336, 131072, kv(8) + ", \"head_dim\": 128"),
       12'247'782'400},
      {"Qwen2.5 0.5B", config("qwen2", 24, 896, 14, 4864, 151936, kv(2) + kTied), 494'032'768},
      {"Qwen2.5 7B", config("qwen2", 28, 3584, 28, 18944, 152064, kv(4)), 7'615'616'512},
      {"Qwen2.5 72B", config("qwen2", 80, 8192, 64, 29568, 152064, kv(8)), 72'706'203'648},
      {"Qwen3 0.6B", config("qwen3", 28, 1024, 16, 3072, 151936, kv(8) + kTied), 596'049'920},
      {"Qwen3 8B", config("qwen3", 36, 4096, 32, 12288, 151936, kv(8)), 8'190'735'360},
      {"Gemma 2B", config("gemma", 18, 2048, 8, 16384, 256000, kv(1)), 2'506'172'416},
      {"Gemma 7B", config("gemma", 28, 3072, 16, 24576, 256000), 8'537'680'896},
      {"Phi-3 mini", config("phi3", 32, 3072, 32, 8192, 32064), 3'821'079'552},
      {"Granite 3.0 8B", config("granite", 40, 4096, 32, 12800, 49155, kv(8) + kTied),
       8'170'848'256},
      {"SmolLM3 3B", config("smollm3", 36, 2048, 16, 11008, 128256), 3'075'098'624},
      {"StableLM 3B", config("stablelm", 32, 2560, 32, 6912, 50304), 2'795'443'200},
      {"StarCoder2 3B", config("starcoder2", 30, 3072, 24, 12288, 49152), 3'030'371'328},
      {"StarCoder2 7B", config("starcoder2", 32, 4608, 36, 18432, 49152, kv(4)), 7'173'923'840}};
}

std::vector<Published> gpt_like() {
  const auto bigcode = [](int n_layer, int d_model, int n_head, int positions, int vocab_size) {
    return "{\"model_type\": \"gpt_bigcode\", \"n_layer\": " + std::to_string(n_layer) +
           ", \"n_embd\": " + std::to_string(d_model) + ", \"n_head\": " + std::to_string(n_head) +
           ", \"n_positions\": " + std::to_string(positions) +
           ", \"vocab_size\": " + std::to_string(vocab_size) + "}";
  };
  const auto neo = [](int n_layer, int d_model, int n_head) {
    return "{\"model_type\": \"gpt_neo\", \"num_layers\": " + std::to_string(n_layer) +
           ", \"hidden_size\": " + std::to_string(d_model) +
           ", \"num_heads\": " + std::to_string(n_head) +
           ", \"max_position_embeddings\": 2048, \"vocab_size\": 50257, "
           "\"intermediate_size\": null}";
  };
  return {{"Pythia 70M", config("gpt_neox", 6, 512, 8, 2048, 50304), 70'426'624},
          {"Pythia 1.4B", config("gpt_neox", 24, 2048, 16, 8192, 50304), 1'414'647'808},
          {"Pythia 6.9B", config("gpt_neox", 32, 4096, 32, 16384, 50432), 6'857'302'016},
          {"Pythia 12B", config("gpt_neox", 36, 5120, 40, 20480, 50688), 11'846'072'320},
          {"GPT-NeoX 20B", config("gpt_neox", 44, 6144, 64, 24576, 50432), 20'554'567'680},
          {"GPT-Neo 125M", neo(12, 768, 12), 125'198'592},
          {"GPT-Neo 1.3B", neo(24, 2048, 16), 1'315'575'808},
          {"GPT-Neo 2.7B", neo(32, 2560, 20), 2'651'307'520},
          {"StarCoder", bigcode(40, 6144, 48, 8192, 49152), 15'517'456'384}};
}

constexpr const char* kDeepseekHeads =
    "\"kv_lora_rank\": 512, \"qk_nope_head_dim\": 128, \"qk_rope_head_dim\": 64, "
    "\"v_head_dim\": 128, \"n_group\": 1";

std::vector<Published> with_experts() {
  const std::string latent = kDeepseekHeads;
  const auto experts = [](int n_expert, int n_active, int n_shared, int d_ff) {
    return ", \"first_k_dense_replace\": 1, \"n_routed_experts\": " + std::to_string(n_expert) +
           ", \"num_experts_per_tok\": " + std::to_string(n_active) +
           ", \"n_shared_experts\": " + std::to_string(n_shared) +
           ", \"moe_intermediate_size\": " + std::to_string(d_ff);
  };
  return {
      {"Mixtral 8x22B",
       config("mixtral", 56, 6144, 48, 16384, 32000,
              "\"num_local_experts\": 8, \"num_experts_per_tok\": 2"),
       140'620'634'112},
      {"Qwen1.5 MoE A2.7B",
       config("qwen2_moe", 24, 2048, 16, 5632, 151936,
              "\"num_experts\": 60, \"num_experts_per_tok\": 4, \"moe_intermediate_size\": 1408, "
              "\"shared_expert_intermediate_size\": 5632"),
       14'315'784'192},
      {"Qwen3 30B A3B",
       config("qwen3_moe", 48, 2048, 32, 6144, 151936,
              "\"num_experts\": 128, \"num_experts_per_tok\": 8, \"moe_intermediate_size\": 768, "
              "\"head_dim\": 128, \"mlp_only_layers\": []"),
       30'532'122'624},
      {"Qwen3 235B A22B",
       config("qwen3_moe", 94, 4096, 64, 12288, 151936,
              "\"num_experts\": 128, \"num_experts_per_tok\": 8, \"moe_intermediate_size\": 1536, "
              "\"head_dim\": 128"),
       235'093'634'560},
      {"DeepSeek MoE 16B",
       config("deepseek", 28, 2048, 16, 10944, 102400, kv(16) + experts(64, 6, 2, 1408)),
       16'375'728'128},
      {"DeepSeek V2 Lite",
       config("deepseek_v2", 27, 2048, 16, 10944, 102400,
              latent + ", \"q_lora_rank\": null" + experts(64, 6, 2, 1408)),
       15'706'484'224},
      {"DeepSeek V2",
       config("deepseek_v2", 60, 5120, 128, 12288, 102400,
              latent + ", \"q_lora_rank\": 1536" + experts(160, 6, 2, 1536)),
       235'741'434'880}};
}

void expect_counts(const std::vector<Published>& models) {
  for (const Published& model : models)
    EXPECT_EQ(count_params(parse(model.config)).total(), model.n_params) << model.name;
}

TEST(HuggingFaceFamilies, llama_and_its_kin_have_their_published_parameters) {
  expect_counts(llama_like());
}

TEST(HuggingFaceFamilies, gpt_neo_neox_and_bigcode_have_their_published_parameters) {
  expect_counts(gpt_like());
}

TEST(HuggingFaceFamilies, models_with_experts_have_their_published_parameters) {
  expect_counts(with_experts());
}

TEST(HuggingFaceFamilies, qwen3_30b_a3b_activates_3_3_billion) {
  // 30.5e9 less 120 of 128 experts of 3 x 2048 x 768 in 48 layers.
  for (const Published& model : with_experts()) {
    if (std::string(model.name) != "Qwen3 30B A3B") continue;
    EXPECT_EQ(count_params(parse(model.config)).active(),
              30'532'122'624 - int64_t{48} * 120 * 3 * 2048 * 768);
  }
}

TEST(HuggingFaceFamilies, what_changes_no_count_is_named_and_not_trained) {
  const ModelShape pythia = parse(config("gpt_neox", 6, 512, 8, 2048, 50304));
  EXPECT_EQ(pythia.counted_only_for, "a parallel residual");
  EXPECT_THAT(test::message_of<ConfigError>([&] { require_trainable(pythia); }),
              HasSubstr("has a parallel residual (the trainer does not run it)"));
  EXPECT_EQ(parse(config("gemma", 18, 2048, 8, 16384, 256000, kv(1))).counted_only_for,
            "scaled embeddings");
  for (const char* const family : {"llama", "mistral", "qwen2", "qwen3", "phi3", "starcoder2"})
    EXPECT_NO_THROW(require_trainable(parse(config(family, 2, 512, 4, 1024, 1000, kv(4)))))
        << family;
}

TEST(HuggingFaceFamilies, parts_that_shapes_lack_are_refused_with_the_reason) {
  EXPECT_THAT(error_of(config("olmo2", 16, 2048, 16, 8192, 100352)),
              HasSubstr("model_type is 'olmo2' (has norms of queries and keys over all heads "
                        "together, which no model here can have)"));
  EXPECT_THAT(error_of(config("stablelm", 2, 512, 4, 1024, 1000, "\"qk_layernorm\": true")),
              HasSubstr("qk_layernorm is 'true'"));
  EXPECT_THAT(error_of(config("qwen3_moe", 4, 512, 4, 1024, 1000,
                              "\"num_experts\": 8, \"num_experts_per_tok\": 2, "
                              "\"moe_intermediate_size\": 256, \"decoder_sparse_step\": 2")),
              HasSubstr("decoder_sparse_step is '2' (only 1 is supported"));
  EXPECT_THAT(error_of(config("qwen3_moe", 4, 512, 4, 1024, 1000,
                              "\"num_experts\": 8, \"num_experts_per_tok\": 2, "
                              "\"moe_intermediate_size\": 256, \"mlp_only_layers\": [3]")),
              HasSubstr("only the first layers"));
  EXPECT_THAT(
      error_of(config("qwen2_moe", 4, 512, 4, 1024, 1000,
                      "\"num_key_value_heads\": 4, \"num_experts\": 8, \"num_experts_per_tok\": 2, "
                      "\"moe_intermediate_size\": 256, \"shared_expert_intermediate_size\": 300")),
      HasSubstr("must be a multiple of moe_intermediate_size 256"));
}

TEST(HuggingFaceFamilies, first_dense_layers_may_be_listed) {
  const ModelShape shape = parse(config("qwen3_moe", 4, 512, 4, 1024, 1000,
                                        "\"num_experts\": 8, \"num_experts_per_tok\": 2, "
                                        "\"moe_intermediate_size\": 256, "
                                        "\"mlp_only_layers\": [0, 1]"));
  EXPECT_EQ(shape.moe->n_dense_layer, 2);
}

TEST(HuggingFaceFamilies, a_shared_expert_gate_is_a_row_of_the_router) {
  ModelShape shape = parse(with_experts()[1].config);
  const int64_t with_gate = count_params(shape).router;
  const double flops = forward_flops_per_token(shape, 1024).router;
  shape.moe->shared_expert_gate = false;
  EXPECT_EQ(with_gate - count_params(shape).router, 24 * 2048);
  EXPECT_DOUBLE_EQ(flops - forward_flops_per_token(shape, 1024).router, 2.0 * 24 * 2048);
  shape.moe->shared_expert_gate = true;
  shape.moe->n_shared_expert = 0;
  EXPECT_THROW(validate(shape, "x"), ConfigError);
}

TEST(HuggingFaceFamilies, no_family_is_both_known_and_refused) {
  std::set<std::string_view> names;
  for (const HuggingFaceFamilyRow& row : kHuggingFaceFamilies)
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
  for (const RefusedFamily& row : kRefusedFamilies)
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
}

}  // namespace
}  // namespace isoflop
