// SPDX-License-Identifier: MIT
#include "core/model/model_config.hpp"

#include "core/base/error.hpp"
#include "core/base/text_file.hpp"
#include "core/model/param_count.hpp"
#include "support/error_matchers.hpp"
#include "support/published_shapes.hpp"
#include "support/temp_dir.hpp"

#include <fmt/format.h>

namespace isoflop {
namespace {

constexpr const char* kSmall = R"(
n_layer: 2
d_model: 96
n_head: 6
vocab_size: 257
max_seq_len: 64
)";

ModelShape parse(const std::string& text) {
  return read_model(ConfigNode::parse(text, "model.yaml"));
}

std::string error_of(const std::string& text) {
  return test::message_of<ConfigError>([&] { parse(text); });
}

ModelShape round_trip(const ModelShape& shape) {
  YamlWriter writer;
  write_model(writer, shape);
  return parse(writer.text());
}

ModelShape shipped(const std::string& name) {
  return load_model(std::string(ISOFLOP_SOURCE_DIR) + "/configs/models/" + name);
}

TEST(ModelConfig, absent_keys_take_the_documented_defaults) {
  const ModelShape shape = parse(kSmall);
  EXPECT_EQ(shape.n_kv_head, 6);
  EXPECT_EQ(shape.d_head, 16);
  EXPECT_EQ(shape.d_ff, 256);  // 8/3 x 96 = 256, a multiple of 64
  EXPECT_EQ(shape.norm, NormKind::rmsnorm);
  EXPECT_EQ(shape.ffn, FfnType::gated);
  EXPECT_FALSE(shape.tied_embeddings);
  EXPECT_EQ(shape.name, "2L-6H-96D-RoPE-RMS-SwiGLU-PreNorm");
}

TEST(ModelConfig, gated_width_is_rounded_up_to_a_multiple_of_64) {
  // 8/3 x 4096 = 10922.67.
  EXPECT_EQ(parse("n_layer: 1\nd_model: 4096\nn_head: 32\nvocab_size: 9\nmax_seq_len: 9").d_ff,
            10944);
}

TEST(ModelConfig, standard_width_is_four_times_d_model) {
  EXPECT_EQ(parse(std::string(kSmall) + "ffn_type: standard\n").d_ff, 384);
}

TEST(ModelConfig, head_width_under_latent_attention_is_the_sum_of_its_parts) {
  const ModelShape shape = parse(std::string(kSmall) +
                                 "mla: {kv_lora_rank: 32, qk_nope_head_dim: 16, "
                                 "qk_rope_head_dim: 8, v_head_dim: 16}\n");
  EXPECT_EQ(shape.d_head, 24);
  EXPECT_EQ(shape.mla->q_lora_rank, 0);
}

TEST(ModelConfig, writing_and_reading_gives_an_equal_shape) {
  ModelShape odd = test::gpt2_124m();
  odd.norm_position = NormPosition::post;
  odd.activation = Activation::leaky_relu;
  odd.position = PositionEncoding::none;
  odd.qk_norm = true;
  odd.norm_eps = 3e-7;
  odd.attention_backend = AttentionBackend::manual;
  odd.attention_strict = true;
  odd.dropout = 0.125;
  odd.z_loss = 1e-4;
  odd.init_std = 0.006;
  odd.depth_scaled_init = false;
  ModelShape rotary = test::llama3_8b();
  rotary.rope_theta = 123456.789;
  for (const ModelShape& shape : {test::gpt2_124m(), test::llama3_8b(), test::mixtral_8x7b(),
                                  test::deepseek_v3(), odd, rotary})
    EXPECT_EQ(round_trip(shape), shape) << short_name(shape);
}

TEST(ModelConfig, shipped_models_have_the_published_parameter_counts) {
  EXPECT_EQ(count_params(shipped("gpt2-124m.yaml")).total(), 124'439'808);
  EXPECT_EQ(count_params(shipped("llama-7b.yaml")).total(), 6'738'415'616);
  EXPECT_EQ(count_params(shipped("llama3-8b.yaml")).total(), 8'030'261'248);
  EXPECT_EQ(count_params(shipped("qwen2.5-1.5b.yaml")).total(), 1'543'714'304);
  EXPECT_EQ(count_params(shipped("gpt2-1558m.yaml")).total(), 1'557'611'200);
  EXPECT_EQ(count_params(shipped("llama-65b.yaml")).total(), 65'285'660'672);
  EXPECT_EQ(count_params(shipped("llama3-70b.yaml")).total(), 70'553'706'496);
  EXPECT_EQ(count_params(shipped("llama3-405b.yaml")).total(), 405'853'388'800);
  EXPECT_EQ(count_params(shipped("mixtral-8x7b.yaml")).total(), 46'702'792'704);
}

// By hand: 2 x 320 x 64 of tables; a block 64 x 128 qkv, 64 x 64 out, 3 x 64 x 192 FFN, 2 x 64
// norms; a final norm of 64.
TEST(ModelConfig, shipped_quick_model_has_139_584_parameters) {
  EXPECT_EQ(count_params(shipped("quick.yaml")).total(),
            2 * 320 * 64 + 2 * (64 * 128 + 64 * 64 + 3 * 64 * 192 + 2 * 64) + 64);
}

constexpr const char* kSizes = "n_layer: 12\nd_model: 768\nn_head: 12\n";

TEST(ModelConfig, preset_gpt2_is_the_published_one) {
  ModelShape expected = test::gpt2_124m();
  const ModelShape shape = parse("preset: gpt2\n" + std::string(kSizes));
  expected.name = shape.name;
  EXPECT_EQ(shape, expected);
  EXPECT_EQ(shape.name, "12L-12H-768D-AbsPos-LN-GELU-PreNorm");
}

TEST(ModelConfig, presets_have_the_components_that_their_names_promise) {
  const std::string sizes = std::string(kSizes) + "vocab_size: 50304\nmax_seq_len: 1024\n";
  EXPECT_EQ(parse("preset: gpt2-postnorm\n" + sizes).name,
            "12L-12H-768D-AbsPos-LN-NB-GELU-PostNorm");
  EXPECT_TRUE(parse("preset: gpt2-postnorm\n" + sizes).tied_embeddings);
  EXPECT_FALSE(parse("preset: gpt2-postnorm\n" + sizes).ffn_bias);
  for (const char* const preset : {"llama", "team", "custom"}) {
    const ModelShape shape = parse(fmt::format("preset: {}\n", preset) + sizes);
    EXPECT_EQ(shape.name, "12L-12H-768D-RoPE-RMS-SwiGLU-PreNorm");
    EXPECT_FALSE(shape.tied_embeddings || shape.ffn_bias || shape.qkv_bias);
  }
  EXPECT_EQ(parse("preset: hybrid\n" + sizes).name, "12L-12H-768D-RoPE-LN-GELU-PreNorm");
  EXPECT_TRUE(parse("preset: hybrid\n" + sizes).tied_embeddings);
}

TEST(ModelConfig, a_key_overrides_its_preset) {
  const ModelShape shape =
      parse("preset: gpt2\nposition_encoding: rope\nffn_type: swiglu\n" + std::string(kSizes));
  EXPECT_EQ(shape.name, "12L-12H-768D-RoPE-LN-SwiGLU-PreNorm");
  EXPECT_EQ(shape.d_ff, 2048);
}

TEST(ModelConfig, bias_stands_for_all_three_and_gives_way_to_each) {
  const ModelShape shape = parse(std::string(kSmall) + "bias: true\nffn_bias: false\n");
  EXPECT_TRUE(shape.qkv_bias && shape.attention_out_bias);
  EXPECT_FALSE(shape.ffn_bias);
}

TEST(ModelConfig, swiglu_beside_another_activation_is_a_contradiction) {
  EXPECT_EQ(error_of(std::string(kSmall) + "ffn_type: swiglu\nactivation: relu\n"),
            "model.yaml:8: activation is 'relu' (ffn_type swiglu has silu); leave it out, or set "
            "ffn_type gated");
}

TEST(ModelConfig, a_base_of_rotary_positions_needs_them) {
  EXPECT_EQ(error_of(std::string(kSmall) + "position_encoding: none\nrope_theta: 5e5\n"),
            "model.yaml:8: rope_theta is '5e5' (means nothing with position_encoding none); leave "
            "it out (--set model.rope_theta=null), or set position_encoding: rope");
  EXPECT_THAT(error_of("preset: gpt2\nrope_theta: 10000\n" + std::string(kSizes)),
              testing::HasSubstr("position_encoding learned_absolute"));
  EXPECT_EQ(parse("preset: hybrid\nrope_theta: 5e5\n" + std::string(kSizes)).rope_theta, 5e5);
}

TEST(ModelConfig, strict_attention_needs_a_backend_to_insist_on) {
  const std::string strict = std::string(kSmall) + "attention_strict: true\n";
  EXPECT_EQ(error_of(strict),
            "model.yaml:7: attention_strict is 'true' (attention_backend auto takes what there "
            "is); leave it out, or name the attention_backend");
  EXPECT_TRUE(parse(strict + "attention_backend: sdpa\n").attention_strict);
  EXPECT_FALSE(parse(std::string(kSmall) + "attention_strict: false\n").attention_strict);
}

TEST(ModelConfig, unknown_preset_lists_those_there_are) {
  EXPECT_EQ(error_of("preset: gpt3\n" + std::string(kSizes)),
            "model.yaml:1: preset is 'gpt3' (must be one of gpt2, gpt2-postnorm, llama, team, "
            "hybrid, custom)");
}

TEST(ModelConfig, probabilities_and_coefficients_are_checked) {
  EXPECT_EQ(error_of(std::string(kSmall) + "dropout: 1\n"),
            "model.yaml:7: dropout is '1' (must be at least 0 and below 1); 0.1 is usual, 0 turns "
            "it off");
  EXPECT_THAT(error_of(std::string(kSmall) + "z_loss: -1\n"), testing::HasSubstr("z_loss is '-1'"));
  EXPECT_THAT(error_of(std::string(kSmall) + "init_std: 0\n"),
              testing::HasSubstr("init_std is '0'"));
}

TEST(ModelConfig, file_gives_the_keys_that_are_left_out) {
  const test::TempDir folder;
  write_text_file(folder / "base.yaml", "preset: gpt2\n" + std::string(kSizes));
  write_text_file(folder / "model.yaml", "file: base.yaml\nn_layer: 3\nqk_norm: true\n");
  const ModelShape shape = load_model(folder / "model.yaml");
  EXPECT_EQ(shape.name, "3L-12H-768D-AbsPos-LN-GELU-PreNorm-QKNorm");
  write_text_file(folder / "base.yaml", "model_type: gpt2\nn_embd: 8\n");
  EXPECT_THAT(test::message_of<ConfigError>([&] { load_model(folder / "model.yaml"); }),
              testing::HasSubstr("names a Hugging Face model"));
}

TEST(ModelConfig, file_may_name_a_file_itself_but_not_in_a_circle) {
  const test::TempDir folder;
  write_text_file(folder / "first.yaml", "preset: gpt2\n" + std::string(kSizes));
  write_text_file(folder / "second.yaml", "file: first.yaml\nn_layer: 3\n");
  write_text_file(folder / "third.yaml", "file: second.yaml\nnorm_position: post\n");
  EXPECT_EQ(load_model(folder / "third.yaml").name, "3L-12H-768D-AbsPos-LN-GELU-PostNorm");
  write_text_file(folder / "first.yaml", "file: second.yaml\n");
  EXPECT_THAT(test::message_of<ConfigError>([&] { load_model(folder / "third.yaml"); }),
              testing::HasSubstr("first.yaml:1: file is 'second.yaml' (leads back to a file that "
                                 "names this one); leave it out"));
}

TEST(ModelConfig, unknown_key_is_refused_with_the_nearest_one) {
  EXPECT_EQ(error_of(std::string(kSmall) + "n_layers: 3\n"),
            "model.yaml:7: unknown key 'n_layers' (did you mean 'n_layer'?); remove it or correct "
            "its spelling");
}

TEST(ModelConfig, missing_key_is_named) {
  EXPECT_THAT(error_of("n_layer: 2\nd_model: 96\nn_head: 6\nmax_seq_len: 9\n"),
              testing::HasSubstr("key 'vocab_size' is missing"));
}

TEST(ModelConfig, unknown_kind_lists_those_allowed) {
  EXPECT_EQ(error_of(std::string(kSmall) + "normalization: batchnorm\n"),
            "model.yaml:7: normalization is 'batchnorm' (must be one of rmsnorm, layernorm, "
            "layernorm_nobias)");
}

TEST(ModelConfig, inconsistent_sizes_are_refused_at_the_line_of_the_field) {
  EXPECT_EQ(
      error_of(std::string(kSmall) + "n_kv_head: 4\n"),
      "model.yaml:4: n_head is '6' (must be a multiple of n_kv_head 4); change one of the two");
  EXPECT_EQ(
      error_of(std::string(kSmall) +
               "moe:\n  n_routed_expert: 4\n  n_active_expert: 5\n  d_ff_expert: 64\n"),
      "model.yaml:9: moe.n_active_expert is '5' (there are 4 routed experts); lower it or add "
      "experts");
}

TEST(ModelConfig, heads_that_do_not_divide_the_width_need_an_explicit_d_head) {
  const std::string text = "n_layer: 1\nd_model: 100\nn_head: 6\nvocab_size: 9\nmax_seq_len: 9\n";
  EXPECT_EQ(error_of(text),
            "model.yaml:3: n_head is '6' (must divide d_model 100); change one, or give d_head");
  EXPECT_EQ(parse(text + "d_head: 16\n").d_head, 16);
}

TEST(ModelConfig, zero_heads_are_refused) {
  EXPECT_THAT(error_of("n_layer: 1\nd_model: 64\nn_head: 0\nvocab_size: 9\nmax_seq_len: 9\n"),
              testing::HasSubstr("model.yaml:3: n_head is '0' (must be at least 1)"));
}

}  // namespace
}  // namespace isoflop
