// SPDX-License-Identifier: MIT
#include "core/model/hugging_face_config.hpp"

#include "core/base/error.hpp"
#include "core/model/model_config.hpp"
#include "core/model/param_count.hpp"
#include "support/error_matchers.hpp"
#include "support/published_shapes.hpp"

namespace isoflop {
namespace {

ModelShape parse(const std::string& text) {
  return read_model(ConfigNode::parse(text, "config.json", ConfigSyntax::json_with_comments));
}

std::string error_of(const std::string& text) {
  return test::message_of<ConfigError>([&] { parse(text); });
}

/// Equal but for the name, which a config.json rarely has.
void expect_same_shape(ModelShape actual, const ModelShape& expected) {
  actual.name = expected.name;
  EXPECT_EQ(actual, expected) << short_name(actual);
}

// The files below are excerpts of the config.json files published at huggingface.co.
constexpr const char* kGpt2 = R"({
  "activation_function": "gelu_new",
  "architectures": ["GPT2LMHeadModel"],
  "attn_pdrop": 0.1,
  "layer_norm_epsilon": 1e-05,
  "model_type": "gpt2",
  "n_ctx": 1024,
  "n_embd": 768,
  "n_head": 12,
  "n_layer": 12,
  "n_positions": 1024,
  "vocab_size": 50257
})";

constexpr const char* kLlama3 = R"({
  // comments are welcome
  "attention_bias": false,
  "hidden_act": "silu",
  "hidden_size": 4096,
  "intermediate_size": 14336,
  "max_position_embeddings": 8192,
  "model_type": "llama",
  "num_attention_heads": 32,
  "num_hidden_layers": 32,
  "num_key_value_heads": 8,
  "rms_norm_eps": 1e-05,
  "rope_scaling": null,
  "rope_theta": 500000.0,
  "tie_word_embeddings": false,
  "vocab_size": 128256
})";

constexpr const char* kMixtral = R"({
  "hidden_size": 4096,
  "intermediate_size": 14336,
  "max_position_embeddings": 32768,
  "model_type": "mixtral",
  "num_attention_heads": 32,
  "num_experts_per_tok": 2,
  "num_hidden_layers": 32,
  "num_key_value_heads": 8,
  "num_local_experts": 8,
  "rms_norm_eps": 1e-05,
  "rope_theta": 1000000.0,
  "vocab_size": 32000
})";

constexpr const char* kQwen2 = R"({
  "hidden_act": "silu",
  "hidden_size": 3584,
  "intermediate_size": 18944,
  "max_position_embeddings": 131072,
  "model_type": "qwen2",
  "num_attention_heads": 28,
  "num_hidden_layers": 28,
  "num_key_value_heads": 4,
  "rms_norm_eps": 1e-06,
  "rope_theta": 1000000.0,
  "sliding_window": 131072,
  "tie_word_embeddings": false,
  "use_sliding_window": false,
  "vocab_size": 152064
})";

constexpr const char* kDeepseek = R"({
  "attention_bias": false,
  "first_k_dense_replace": 3,
  "hidden_act": "silu",
  "hidden_size": 7168,
  "intermediate_size": 18432,
  "kv_lora_rank": 512,
  "max_position_embeddings": 4096,
  "model_type": "deepseek_v3",
  "moe_intermediate_size": 2048,
  "moe_layer_freq": 1,
  "n_routed_experts": 256,
  "n_shared_experts": 1,
  "num_attention_heads": 128,
  "num_experts_per_tok": 8,
  "num_hidden_layers": 61,
  "num_key_value_heads": 128,
  "num_nextn_predict_layers": 1,
  "q_lora_rank": 1536,
  "qk_nope_head_dim": 128,
  "qk_rope_head_dim": 64,
  "rms_norm_eps": 1e-06,
  "rope_theta": 10000,
  "tie_word_embeddings": false,
  "topk_method": "noaux_tc",
  "v_head_dim": 128,
  "vocab_size": 129280
})";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}

TEST(HuggingFaceConfig, gpt2) { expect_same_shape(parse(kGpt2), test::gpt2_124m()); }

TEST(HuggingFaceConfig, gpt2_positions_may_be_called_n_ctx) {
  EXPECT_EQ(parse(replaced(kGpt2, "\"n_positions\": 1024,", "")).max_seq_len, 1024);
  EXPECT_THAT(
      error_of(replaced(replaced(kGpt2, "\"n_positions\": 1024,", ""), "\"n_ctx\": 1024,", "")),
      testing::HasSubstr("key 'n_positions' is missing"));
}

TEST(HuggingFaceConfig, gpt2_inner_width_and_untied_embeddings) {
  const ModelShape shape = parse(replaced(
      kGpt2, "\"n_head\"", "\"n_inner\": 2048, \"tie_word_embeddings\": false, \"n_head\""));
  EXPECT_EQ(shape.d_ff, 2048);
  EXPECT_FALSE(shape.tied_embeddings);
}

TEST(HuggingFaceConfig, llama3_8b_with_comments) {
  ModelShape expected = test::llama3_8b();
  expected.rope_theta = 500000;
  expect_same_shape(parse(kLlama3), expected);
}

TEST(HuggingFaceConfig, llama_biases_cover_all_projections) {
  const ModelShape shape = parse(replaced(kLlama3, "\"attention_bias\": false",
                                          "\"attention_bias\": true, \"mlp_bias\": true"));
  EXPECT_TRUE(shape.qkv_bias);
  EXPECT_TRUE(shape.attention_out_bias);
  EXPECT_TRUE(shape.ffn_bias);
}

TEST(HuggingFaceConfig, llama_head_dim_may_differ_from_the_quotient) {
  EXPECT_EQ(parse(replaced(kLlama3, "\"hidden_act\"", "\"head_dim\": 64, \"hidden_act\"")).d_head,
            64);
}

TEST(HuggingFaceConfig, rope_theta_may_stand_in_rope_parameters) {
  EXPECT_EQ(
      parse(replaced(kLlama3, "\"rope_theta\": 500000.0",
                     "\"rope_parameters\": {\"rope_theta\": 250000.0, \"rope_type\": \"default\"}"))
          .rope_theta,
      250000);
}

TEST(HuggingFaceConfig, mistral_has_llamas_keys) {
  ModelShape expected = test::llama3_8b();
  expected.rope_theta = 500000;
  expect_same_shape(parse(replaced(kLlama3, "\"llama\"", "\"mistral\"")), expected);
}

TEST(HuggingFaceConfig, mixtral_8x7b) {
  ModelShape expected = test::mixtral_8x7b();
  expected.rope_theta = 1e6;
  expect_same_shape(parse(kMixtral), expected);
}

TEST(HuggingFaceConfig, qwen2_has_biases_on_queries_keys_and_values_alone) {
  const ModelShape shape = parse(kQwen2);
  EXPECT_TRUE(shape.qkv_bias);
  EXPECT_FALSE(shape.attention_out_bias);
  EXPECT_EQ(count_params(shape).total(), 7'615'616'512);
}

TEST(HuggingFaceConfig, deepseek_v3) {
  ModelShape expected = test::deepseek_v3();
  expected.norm_eps = 1e-6;
  expect_same_shape(parse(kDeepseek), expected);
}

TEST(HuggingFaceConfig, deepseek_queries_without_low_rank) {
  EXPECT_EQ(
      parse(replaced(kDeepseek, "\"q_lora_rank\": 1536", "\"q_lora_rank\": null")).mla->q_lora_rank,
      0);
}

TEST(HuggingFaceConfig, deepseek_heads_need_not_divide_the_hidden_size) {
  const ModelShape shape =
      parse(replaced(kDeepseek, "\"hidden_size\": 7168", "\"hidden_size\": 7000"));
  EXPECT_EQ(shape.d_head, 192);
}

TEST(HuggingFaceConfig, deepseek_experts_in_every_second_layer_are_refused) {
  EXPECT_THAT(error_of(replaced(kDeepseek, "\"moe_layer_freq\": 1", "\"moe_layer_freq\": 2")),
              testing::HasSubstr("config.json:11: moe_layer_freq is '2' (only 1 is supported"));
}

TEST(HuggingFaceConfig, unknown_model_type_lists_those_known) {
  const std::string error =
      error_of(replaced(kGpt2, "\"model_type\": \"gpt2\"", "\"model_type\": \"lama\""));
  EXPECT_THAT(error,
              testing::HasSubstr("config.json:6: model_type is 'lama' (must be one of gpt2, "));
  EXPECT_THAT(error, testing::HasSubstr("deepseek_v3, kimi_k2 (did you mean 'llama'?))"));
}

TEST(HuggingFaceConfig, unknown_activation_is_refused) {
  EXPECT_THAT(error_of(replaced(kGpt2, "gelu_new", "swoosh")),
              testing::HasSubstr("config.json:2: activation_function is 'swoosh' (must be one of"));
}

TEST(HuggingFaceConfig, inconsistent_sizes_are_named_by_the_files_own_key) {
  EXPECT_EQ(
      error_of(replaced(kLlama3, "\"num_key_value_heads\": 8", "\"num_key_value_heads\": 5")),
      "config.json:9: num_attention_heads is '32' (must be a multiple of n_kv_head 5); change "
      "one of the two");
  EXPECT_THAT(error_of(replaced(kGpt2, "\"n_layer\": 12", "\"n_layer\": 0")),
              testing::HasSubstr("config.json:10: n_layer is '0' (must be at least 1)"));
  EXPECT_THAT(error_of(replaced(kGpt2, "\"n_head\": 12", "\"n_head\": 7")),
              testing::HasSubstr("config.json:9: n_head is '7' (must divide the hidden size 768)"));
}

}  // namespace
}  // namespace isoflop
