// SPDX-License-Identifier: MIT
// Parameter counts of published models, from the sizes in their config.json files at
// huggingface.co. The counts are those of the published weights (model cards, safetensors
// indices), and each was recomputed by hand from the sizes before it was written down.
#include "core/model/flops.hpp"
#include "core/model/hugging_face_family.hpp"
#include "core/model/parameter_list.hpp"
#include "support/hugging_face_configs.hpp"

#include <set>

namespace isoflop {
namespace {

using test::config;
using test::expect_counts;
using test::kv;
using test::Published;
using ::testing::HasSubstr;

constexpr const char* kTied = ", \"tie_word_embeddings\": true";

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
      {"Llama 2 7B", config("llama", 32, 4096, 32, 11008, 32000), 6'738'415'616},
      {"SmolLM2 135M", config("llama", 30, 576, 9, 1536, 49152, kv(3) + kTied), 134'515'008},
      {"SmolLM2 1.7B", config("llama", 24, 2048, 32, 8192, 49152, kv(32) + kTied), 1'711'376'384},
      {"Ministral 8B",
       config("mistral", 36, 4096, 32, 12288, 131072, kv(8) + ", \"head_dim\": 128"),
       8'019'808'256},
      {"Qwen2.5 1.5B", config("qwen2", 28, 1536, 12, 8960, 151936, kv(2) + kTied), 1'543'714'304},
      {"Qwen2.5 3B", config("qwen2", 36, 2048, 16, 11008, 151936, kv(2) + kTied), 3'085'938'688},
      {"Qwen3 4B", config("qwen3", 36, 2560, 32, 9728, 151936, kv(8) + kTied), 4'022'468'096},
      {"Qwen3 32B", config("qwen3", 64, 5120, 64, 25600, 151936, kv(8)), 32'762'123'264},
      {"Phi-3 medium", config("phi3", 40, 5120, 40, 17920, 32064, kv(10)), 13'960'238'080},
      {"Phi-4", config("phi3", 40, 5120, 40, 17920, 100352, kv(10)), 14'659'507'200},
      {"Phi-4 mini",
       config("phi3", 32, 3072, 24, 8192, 200064,
              kv(8) + kTied + ", \"partial_rotary_factor\": 0.75"),
       3'836'021'760},
      {"Granite 3.3 2B", config("granite", 40, 2048, 32, 8192, 49159, kv(8) + kTied),
       2'533'539'840},
      {"InternLM 2.5 1.8B", config("internlm2", 24, 2048, 16, 8192, 92544, kv(8)), 1'889'110'016},
      {"InternLM 2.5 7B", config("internlm2", 32, 4096, 32, 14336, 92544, kv(8)), 7'737'708'544},
      {"InternLM 2.5 20B", config("internlm2", 48, 6144, 48, 16384, 92544, kv(8)), 19'861'149'696},
      {"Baichuan 7B", config("baichuan", 32, 4096, 32, 11008, 64000), 7'000'559'616},
      {"Seed-OSS 36B", config("seed_oss", 64, 5120, 80, 27648, 155136), 36'151'104'512},
      {"ERNIE 4.5 0.3B", config("ernie4_5", 18, 1024, 16, 3072, 103424, kv(2)), 360'748'032},
      {"EXAONE 4.0 1.2B", config("exaone4", 30, 2048, 32, 4096, 102400, kv(8) + kTied),
       1'279'391'488},
      {"StableLM 3B", config("stablelm", 32, 2560, 32, 6912, 50304), 2'795'443'200},
      {"StarCoder2 3B", config("starcoder2", 30, 3072, 24, 12288, 49152), 3'030'371'328},
      {"StarCoder2 7B", config("starcoder2", 32, 4608, 36, 18432, 49152, kv(4)), 7'173'923'840}};
}

TEST(HuggingFaceFamilies, llama_and_its_kin_have_their_published_parameters) {
  expect_counts(llama_like());
}

std::vector<Published> with_other_norms() {
  const std::string wide_heads = ", \"head_dim\": 128";
  return {
      {"Gemma 2 2B", config("gemma2", 26, 2304, 8, 9216, 256000, kv(4)), 2'614'341'888},
      {"Gemma 2 9B", config("gemma2", 42, 3584, 16, 14336, 256000, kv(8)), 9'241'705'984},
      {"Gemma 2 27B", config("gemma2", 46, 4608, 32, 36864, 256000, kv(16) + wide_heads),
       27'227'128'320},
      {"Gemma 3 270M", config("gemma3_text", 18, 640, 4, 2048, 262144, kv(1)), 268'098'176},
      {"Gemma 3 1B", config("gemma3_text", 26, 1152, 4, 6912, 262144, kv(1)), 999'885'952},
      {"Gemma 3 4B, decoder as its file has it",
       "{\"model_type\": \"gemma3_text\", \"hidden_size\": 2560, \"intermediate_size\": 10240, "
       "\"num_hidden_layers\": 34}",
       3'880'263'168},
      {"Gemma 3 27B, decoder",
       config("gemma3_text", 62, 5376, 32, 21504, 262208, kv(16) + wide_heads), 27'009'346'304},
      {"OLMo 1B", config("olmo", 16, 2048, 16, 8192, 50304, kv(16) + kTied), 1'176'764'416},
      {"OLMo 7B", config("olmo", 32, 4096, 32, 11008, 50304), 6'888'095'744},
      {"OLMo 2 1B", config("olmo2", 16, 2048, 16, 8192, 100352), 1'484'916'736},
      {"OLMo 2 7B", config("olmo2", 32, 4096, 32, 11008, 100352), 7'298'617'344},
      {"OLMo 2 13B", config("olmo2", 40, 5120, 40, 13824, 100352), 13'716'198'400},
      {"OLMo 2 32B", config("olmo2", 64, 5120, 40, 27648, 100352, kv(8)), 32'234'279'936},
      {"Phi-1.5", config("phi", 24, 2048, 32, 8192, 51200), 1'418'270'720},
      {"Phi-2", config("phi", 32, 2560, 32, 10240, 51200), 2'779'683'840},
      {"Command R", config("cohere", 40, 8192, 64, 22528, 256000, kv(64)), 34'980'831'232},
      {"Command R+",
       config("cohere", 64, 12288, 96, 33792, 256000, kv(8) + ", \"use_qk_norm\": true"),
       103'810'674'688},
      {"Aya Expanse 8B", config("cohere", 32, 4096, 32, 14336, 256000, kv(8)), 8'028'033'024},
      {"Command R7B", config("cohere2", 32, 4096, 32, 14336, 256000, kv(8)), 8'028'033'024},
      {"GLM-4 9B", config("glm", 40, 4096, 32, 13696, 151552, "\"attention_bias\": true"),
       9'399'951'360},
      {"GLM-4 9B 0414", config("glm4", 40, 4096, 32, 13696, 151552, "\"attention_bias\": true"),
       9'400'279'040},
      {"StableLM 2 1.6B",
       config("stablelm", 24, 2048, 32, 5632, 100352, kv(32) + ", \"use_qkv_bias\": true"),
       1'644'515'328},
  };
}

TEST(HuggingFaceFamilies, models_with_other_norms_have_their_published_parameters) {
  expect_counts(with_other_norms());
}

/// By hand; no count of this model is published.
TEST(HuggingFaceFamilies, stablelm_2_12b_has_one_norm_a_block_and_norms_of_each_head) {
  const ModelShape shape = test::read_config_json(
      config("stablelm", 40, 5120, 32, 13824, 100352,
             kv(8) + ", \"qk_layernorm\": true, \"use_parallel_residual\": true"));
  const ParamCount count = count_params(shape);
  EXPECT_EQ(count.norm, 41 * 2 * 5120);
  EXPECT_EQ(count.attention, int64_t{40} * (2 * 5120 * 5120 + 2 * 5120 * 8 * 160 + 40 * 160));
}

TEST(HuggingFaceFamilies, what_changes_no_count_is_named_and_not_trained) {
  const ModelShape pythia = test::read_config_json(config("gpt_neox", 6, 512, 8, 2048, 50304));
  EXPECT_EQ(pythia.counted_only_for, "a parallel residual");
  EXPECT_THAT(test::message_of<ConfigError>([&] { require_trainable(pythia); }),
              HasSubstr("has a parallel residual (the trainer does not run it)"));
  EXPECT_EQ(
      test::read_config_json(config("gemma", 18, 2048, 8, 16384, 256000, kv(1))).counted_only_for,
      "scaled embeddings");
  for (const char* const family : {"llama", "mistral", "qwen2", "qwen3", "phi3", "starcoder2"})
    EXPECT_NO_THROW(
        require_trainable(test::read_config_json(config(family, 2, 512, 4, 1024, 1000, kv(4)))))
        << family;
}

TEST(HuggingFaceFamilies, foreign_parts_are_named_and_not_trained) {
  const auto refusal = [](const std::string& text) {
    const ModelShape shape = test::read_config_json(text);
    return test::message_of<ConfigError>([&] { require_trainable(shape); });
  };
  EXPECT_THAT(refusal(config("phi", 2, 512, 4, 1024, 1000)), HasSubstr("has one norm a block"));
  EXPECT_THAT(refusal(config("olmo", 2, 512, 4, 1024, 1000)),
              HasSubstr("has norms without weights"));
  EXPECT_THAT(refusal(config("olmoe", 2, 512, 4, 1024, 1000,
                             "\"num_experts\": 8, \"num_experts_per_tok\": 2")),
              HasSubstr("has mixture of experts"));
  EXPECT_THAT(refusal(config("stablelm", 2, 512, 4, 1024, 1000,
                             kv(4) + ", \"qk_layernorm\": true, \"partial_rotary_factor\": 1")),
              HasSubstr("has norms of queries and keys with weights for every head"));
}

TEST(HuggingFaceFamilies, the_decoder_of_a_model_that_reads_images_is_counted) {
  const std::string text = config("gemma3_text", 48, 3840, 16, 15360, 262208, kv(8));
  const ModelShape shape = test::read_config_json(
      "{\"model_type\": \"gemma3\", \"vision_config\": {}, \"text_config\": " + text + "}");
  EXPECT_EQ(count_params(shape).total(), 11'766'034'176);
  EXPECT_THAT(shape.counted_only_for, HasSubstr("which are not counted"));
}

TEST(HuggingFaceFamilies, parts_that_shapes_lack_are_refused_with_the_reason) {
  EXPECT_THAT(test::config_json_error(config("jamba", 16, 2048, 16, 8192, 100352)),
              HasSubstr("model_type is 'jamba' (has state-space layers, which no model here can "
                        "have)"));
}

TEST(HuggingFaceFamilies, a_refused_family_is_refused_with_its_decoder_too) {
  const std::string text = config("llama", 2, 512, 4, 1024, 1000);
  EXPECT_THAT(
      test::config_json_error("{\"model_type\": \"mllama\", \"text_config\": " + text + "}"),
      HasSubstr("has cross-attention layers"));
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
