// SPDX-License-Identifier: MIT
// Parameter counts of published models, from the sizes in their config.json files at
// huggingface.co; counts of the published
// weights.
#include "core/model/hugging_face_experts.hpp"

#include "core/model/flops.hpp"
#include "core/model/parameter_list.hpp"
#include "support/hugging_face_configs.hpp"

namespace isoflop {
namespace {

using test::config;
using test::expect_counts;
using test::kv;
using test::Published;
using ::testing::HasSubstr;

constexpr const char* kDeepseekHeads =
    "\"kv_lora_rank\": 512, \"qk_nope_head_dim\": 128, \"qk_rope_head_dim\": 64, "
    "\"v_head_dim\": 128, \"n_group\": 1";

std::string gpt_oss(int n_layer, int n_expert) {
  return config("gpt_oss", n_layer, 2880, 64, 2880, 201088,
                kv(8) + ", \"head_dim\": 64, \"attention_bias\": true, \"num_local_experts\": " +
                    std::to_string(n_expert) + ", \"num_experts_per_tok\": 4");
}

std::string llama4(int n_expert, int step, const std::string& more = "") {
  return config("llama4_text", 48, 5120, 40, 8192, 202048,
                kv(8) + ", \"intermediate_size_mlp\": 16384, \"num_local_experts\": " +
                    std::to_string(n_expert) + ", \"num_experts_per_tok\": 1, " +
                    "\"interleave_moe_layer_step\": " + std::to_string(step) + more);
}

std::string glm45() {
  return config("glm4_moe", 46, 4096, 96, 10944, 151552,
                kv(8) +
                    ", \"head_dim\": 128, \"attention_bias\": true, \"use_qk_norm\": false, "
                    "\"n_routed_experts\": 128, \"num_experts_per_tok\": 8, "
                    "\"n_shared_experts\": 1, \"moe_intermediate_size\": 1408, "
                    "\"first_k_dense_replace\": 1, \"num_nextn_predict_layers\": 1");
}

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
       235'741'434'880},
      {"OLMoE 7B A1B",
       config("olmoe", 16, 2048, 16, 1024, 50304,
              kv(16) + ", \"num_experts\": 64, \"num_experts_per_tok\": 8"),
       6'919'161'856},
      {"Phi-3.5 MoE",
       config("phimoe", 32, 4096, 32, 6400, 32064,
              kv(8) + ", \"attention_bias\": true, \"lm_head_bias\": true, "
                      "\"num_local_experts\": 16, \"num_experts_per_tok\": 2"),
       41'873'153'344},
      {"Granite 3.0 1B A400M",
       config("granitemoe", 24, 1024, 16, 512, 49155,
              kv(8) + ", \"tie_word_embeddings\": true, \"num_local_experts\": 32, "
                      "\"num_experts_per_tok\": 8"),
       1'334'628'352},
      {"gpt-oss 20B", gpt_oss(24, 32), 20'914'757'184},
      {"gpt-oss 120B", gpt_oss(36, 128), 116'829'156'672},
      {"GLM-4.5 Air", glm45(), 106'852'251'264},
      // Of 108,641,793,536 and 401,583,781,376 with the same 871,932,416 that read images.
      {"Llama 4 Scout, decoder", llama4(16, 1), 108'641'793'536 - 871'932'416},
      {"Llama 4 Maverick, decoder", llama4(128, 2), 401'583'781'376 - 871'932'416}};
}

std::string qwen3_moe(const std::string& more) {
  return config("qwen3_moe", 4, 512, 4, 1024, 1000,
                "\"num_experts\": 8, \"num_experts_per_tok\": 2, " + more);
}

TEST(HuggingFaceExperts, models_with_experts_have_their_published_parameters) {
  expect_counts(with_experts());
}

TEST(HuggingFaceExperts, active_parameters_are_those_a_token_visits) {
  // 30.5e9 less 120 of 128 experts of 3 x 2048 x 768 in 48 layers.
  EXPECT_EQ(count_params(test::read_config_json(with_experts()[2].config)).active(),
            30'532'122'624 - int64_t{48} * 120 * 3 * 2048 * 768);
  // 17 B, as the model card says: one of 128 experts of 3 x 5120 x 8192 in 24 layers.
  EXPECT_EQ(count_params(test::read_config_json(llama4(128, 2))).active(),
            401'583'781'376 - 871'932'416 - int64_t{24} * 127 * 3 * 5120 * 8192);
}

TEST(HuggingFaceExperts, first_dense_layers_may_be_listed) {
  const ModelShape shape = test::read_config_json(
      qwen3_moe("\"moe_intermediate_size\": 256, \"mlp_only_layers\": [0, 1]"));
  EXPECT_EQ(shape.moe->n_dense_layer, 2);
  EXPECT_EQ(shape.n_moe_layer(), 2);
}

TEST(HuggingFaceExperts, every_second_layer_may_have_experts) {
  const ModelShape shape = test::read_config_json(
      qwen3_moe("\"moe_intermediate_size\": 256, \"decoder_sparse_step\": 2"));
  EXPECT_EQ(shape.n_moe_layer(), 2);
  EXPECT_EQ(count_params(shape).router, 2 * 8 * 512);
}

TEST(HuggingFaceExperts, what_cannot_be_counted_is_refused_at_its_key) {
  EXPECT_THAT(test::config_json_error(
                  qwen3_moe("\"moe_intermediate_size\": 256, \"mlp_only_layers\": [3]")),
              HasSubstr("only the first layers"));
  EXPECT_THAT(test::config_json_error(qwen3_moe("\"moe_intermediate_size\": 256, "
                                                "\"mlp_only_layers\": [0], "
                                                "\"decoder_sparse_step\": 2")),
              HasSubstr("beside decoder_sparse_step"));
  EXPECT_THAT(test::config_json_error(
                  qwen3_moe("\"moe_intermediate_size\": 256, \"decoder_sparse_step\": 9")),
              HasSubstr("decoder_sparse_step is '9' (leaves none of the 4 layers to experts)"));
  EXPECT_THAT(test::config_json_error(config(
                  "qwen2_moe", 4, 512, 4, 1024, 1000,
                  "\"num_key_value_heads\": 4, \"num_experts\": 8, \"num_experts_per_tok\": 2, "
                  "\"moe_intermediate_size\": 256, \"shared_expert_intermediate_size\": 300")),
              HasSubstr("must be a multiple of moe_intermediate_size 256"));
  EXPECT_THAT(test::config_json_error(llama4(16, 2, ", \"moe_layers\": [0, 1, 2]")),
              HasSubstr("is not every interleave_moe_layer_step-th layer"));
}

TEST(HuggingFaceExperts, a_shared_expert_gate_is_a_row_of_the_router) {
  ModelShape shape = test::read_config_json(with_experts()[1].config);
  const int64_t with_gate = count_params(shape).router;
  const double flops = forward_flops_per_token(shape, 1024).router;
  shape.moe->shared_expert_gate = false;
  EXPECT_EQ(with_gate - count_params(shape).router, 24 * 2048);
  EXPECT_DOUBLE_EQ(flops - forward_flops_per_token(shape, 1024).router, 2.0 * 24 * 2048);
  shape.moe->shared_expert_gate = true;
  shape.moe->n_shared_expert = 0;
  EXPECT_THROW(validate(shape, "x"), ConfigError);
}

}  // namespace
}  // namespace isoflop
