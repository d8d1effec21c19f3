// SPDX-License-Identifier: MIT
// Parameter counts of published models, from the sizes in their config.json files at
// huggingface.co; counts of the published
// weights, tied tables once (some files of Falcon store the output matrix a second time).
#include "core/model/hugging_face_gpt.hpp"

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
  const auto gptj = [](const std::string& family, int n_layer, int d_model, int n_head,
                       int vocab_size) {
    return "{\"model_type\": \"" + family + "\", \"n_layer\": " + std::to_string(n_layer) +
           ", \"n_embd\": " + std::to_string(d_model) + ", \"n_head\": " + std::to_string(n_head) +
           ", \"n_positions\": 2048, \"n_inner\": null, \"vocab_size\": " +
           std::to_string(vocab_size) + ", \"tie_word_embeddings\": false}";
  };
  return {{"Pythia 70M", config("gpt_neox", 6, 512, 8, 2048, 50304), 70'426'624},
          {"Pythia 1.4B", config("gpt_neox", 24, 2048, 16, 8192, 50304), 1'414'647'808},
          {"Pythia 6.9B", config("gpt_neox", 32, 4096, 32, 16384, 50432), 6'857'302'016},
          {"Pythia 12B", config("gpt_neox", 36, 5120, 40, 20480, 50688), 11'846'072'320},
          {"GPT-NeoX 20B", config("gpt_neox", 44, 6144, 64, 24576, 50432), 20'554'567'680},
          {"GPT-Neo 125M", neo(12, 768, 12), 125'198'592},
          {"GPT-Neo 1.3B", neo(24, 2048, 16), 1'315'575'808},
          {"GPT-Neo 2.7B", neo(32, 2560, 20), 2'651'307'520},
          {"StarCoder", bigcode(40, 6144, 48, 8192, 49152), 15'517'456'384},
          {"GPT-J 6B", gptj("gptj", 28, 4096, 16, 50400), 6'050'882'784},
          {"CodeGen 350M", gptj("codegen", 20, 1024, 16, 51200), 356'712'448}};
}

std::string opt(int n_layer, int d_model, int n_head, const std::string& more = "") {
  return "{\"model_type\": \"opt\", \"num_hidden_layers\": " + std::to_string(n_layer) +
         ", \"hidden_size\": " + std::to_string(d_model) +
         ", \"num_attention_heads\": " + std::to_string(n_head) +
         ", \"ffn_dim\": " + std::to_string(4 * d_model) +
         ", \"vocab_size\": 50272, \"max_position_embeddings\": 2048" + more + "}";
}

constexpr const char* kOpt350m = ", \"do_layer_norm_before\": false, \"word_embed_proj_dim\": 512";

std::vector<Published> opt_models() {
  return {{"OPT 125M", opt(12, 768, 12), 125'239'296},
          {"OPT 350M", opt(24, 1024, 16, kOpt350m), 331'196'416},
          {"OPT 1.3B", opt(24, 2048, 32), 1'315'758'080},
          {"OPT 2.7B", opt(32, 2560, 32), 2'651'596'800},
          {"OPT 6.7B", opt(32, 4096, 32), 6'658'473'984},
          {"OPT 13B", opt(40, 5120, 40), 12'853'473'280},
          {"OPT 30B", opt(48, 7168, 56), 29'974'540'288}};
}

std::string falcon(int n_layer, int d_model, int n_head, const std::string& more) {
  return "{\"model_type\": \"falcon\", \"num_hidden_layers\": " + std::to_string(n_layer) +
         ", \"hidden_size\": " + std::to_string(d_model) +
         ", \"num_attention_heads\": " + std::to_string(n_head) +
         ", \"alibi\": false, \"bias\": false, \"parallel_attn\": true" + more + "}";
}

constexpr const char* kNewFalcon =
    ", \"new_decoder_architecture\": true, \"num_kv_heads\": 8, \"vocab_size\": 65024";

std::vector<Published> falcon_models() {
  return {
      {"Falcon 7B", falcon(32, 4544, 71, ", \"multi_query\": true, \"vocab_size\": 65024"),
       6'921'720'704},
      {"Falcon 40B", falcon(60, 8192, 128, kNewFalcon), 41'303'293'952},
      // 179,522,565,120 in its files, which hold the output matrix a second time.
      {"Falcon 180B", falcon(80, 14848, 232, kNewFalcon), 179'522'565'120 - int64_t{65024} * 14848},
      {"Falcon RW 1B",
       "{\"model_type\": \"falcon\", \"num_hidden_layers\": 24, \"hidden_size\": 2048, "
       "\"num_attention_heads\": 32, \"alibi\": true, \"bias\": true, \"multi_query\": false, "
       "\"parallel_attn\": false, \"vocab_size\": 50304}",
       1'311'625'216}};
}

std::string bloom(const std::string& sizes) {
  return "{\"model_type\": \"bloom\", \"vocab_size\": 250880, " + sizes + "}";
}

std::vector<Published> bloom_models() {
  return {
      {"BLOOM 560M", bloom("\"n_layer\": 24, \"hidden_size\": 1024, \"n_head\": 16"), 559'214'592},
      {"BLOOM 7.1B", bloom("\"n_layer\": 30, \"hidden_size\": 4096, \"n_head\": 32"),
       7'069'016'064},
      {"BLOOM 176B", bloom("\"n_layer\": 70, \"n_embed\": 14336, \"num_attention_heads\": 112"),
       176'247'271'424}};
}

std::vector<Published> other_models() {
  const auto qwen = [](int n_layer, int d_model, int n_head, int d_ff, int vocab_size) {
    return config("qwen", n_layer, d_model, n_head, d_ff, vocab_size,
                  "\"no_bias\": true, \"kv_channels\": 128");
  };
  return {
      {"MPT 7B",
       "{\"model_type\": \"mpt\", \"n_layers\": 32, \"d_model\": 4096, \"n_heads\": 32, "
       "\"expansion_ratio\": 4, \"max_seq_len\": 2048, \"vocab_size\": 50432, \"no_bias\": true, "
       "\"learned_pos_emb\": true, \"attn_config\": {\"alibi\": true, \"attn_type\": "
       "\"multihead_attention\"}}",
       6'649'286'656},
      {"DBRX",
       "{\"model_type\": \"dbrx\", \"n_layers\": 40, \"d_model\": 6144, \"n_heads\": 48, "
       "\"max_seq_len\": 32768, \"vocab_size\": 100352, \"attn_config\": {\"kv_n_heads\": 8}, "
       "\"ffn_config\": {\"ffn_hidden_size\": 10752, \"moe_num_experts\": 16, "
       "\"moe_top_k\": 4}}",
       131'596'523'520},
      {"Qwen 1.8B", qwen(24, 2048, 16, 11008, 151936), 1'836'828'672},
      {"Qwen 7B", qwen(32, 4096, 32, 22016, 151936), 7'721'324'544},
      {"Qwen 14B", qwen(40, 5120, 40, 27392, 152064), 14'167'290'880},
      {"Qwen 72B", qwen(80, 8192, 64, 49152, 152064), 72'287'920'128}};
}

TEST(HuggingFaceGpt, gpt_neo_neox_j_and_bigcode_have_their_published_parameters) {
  expect_counts(gpt_like());
}

TEST(HuggingFaceGpt, opt_models_have_their_published_parameters) { expect_counts(opt_models()); }

TEST(HuggingFaceGpt, falcon_models_have_their_published_parameters) {
  expect_counts(falcon_models());
}

TEST(HuggingFaceGpt, bloom_models_have_their_published_parameters) {
  expect_counts(bloom_models());
}

TEST(HuggingFaceGpt, mpt_dbrx_and_the_first_qwen_have_their_published_parameters) {
  expect_counts(other_models());
}

TEST(HuggingFaceGpt, falcon_shares_keys_and_values_as_its_generation_does) {
  EXPECT_EQ(test::read_config_json(falcon_models()[0].config).n_kv_head, 1);
  EXPECT_EQ(test::read_config_json(falcon_models()[1].config).n_kv_head, 8);
  EXPECT_EQ(test::read_config_json(falcon_models()[3].config).n_kv_head, 32);
}

/// Falcon 2 11B says that attention and FFN share a norm again.
TEST(HuggingFaceGpt, falcon_may_share_a_norm_in_the_new_architecture) {
  const ModelShape shape = test::read_config_json(
      falcon(2, 512, 8, std::string(kNewFalcon) + ", \"num_ln_in_parallel_attn\": 1"));
  EXPECT_EQ(count_params(shape).norm, 3 * 2 * 512);
}

TEST(HuggingFaceGpt, a_narrow_embedding_is_projected_both_ways) {
  const ModelShape shape = test::read_config_json(opt(24, 1024, 16, kOpt350m));
  const ParamCount count = count_params(shape);
  EXPECT_EQ(count.token_embedding, 50272 * 512 + 512 * 1024);
  EXPECT_EQ(count.output, 512 * 1024);
  EXPECT_DOUBLE_EQ(forward_flops_per_token(shape, 1024).lm_head,
                   2.0 * (50272 * 512 + 2 * 512 * 1024));
  EXPECT_THAT(test::message_of<ConfigError>([&] { require_trainable(shape); }),
              HasSubstr("has positions that start above zero"));
  EXPECT_THAT(test::config_json_error(opt(24, 1024, 16, ", \"word_embed_proj_dim\": 0")),
              HasSubstr("word_embed_proj_dim is '0'"));
}

TEST(HuggingFaceGpt, what_changes_the_mathematics_is_named) {
  EXPECT_EQ(test::read_config_json(bloom_models()[0].config).counted_only_for,
            "linear biases of positions (ALiBi)");
  EXPECT_EQ(test::read_config_json(falcon_models()[0].config).counted_only_for,
            "a parallel residual");
}

TEST(HuggingFaceGpt, an_odd_width_of_gate_and_up_is_refused) {
  EXPECT_THAT(test::config_json_error(config("qwen", 2, 512, 4, 1025, 1000)),
              HasSubstr("intermediate_size is '1025' (must be even"));
}

}  // namespace
}  // namespace isoflop
