// SPDX-License-Identifier: MIT
#include "core/model/model_shape.hpp"

#include "core/base/error.hpp"
#include "support/error_matchers.hpp"
#include "support/published_shapes.hpp"

namespace isoflop {
namespace {

std::string problem_field(const ModelShape& shape) {
  const std::optional<ShapeProblem> problem = find_problem(shape);
  return problem ? problem->field : "none";
}

TEST(ModelShape, published_shapes_are_valid) {
  for (const ModelShape& shape :
       {test::gpt2_124m(), test::llama3_405b(), test::mixtral_8x7b(), test::deepseek_v3()})
    EXPECT_EQ(problem_field(shape), "none") << short_name(shape);
}

TEST(ModelShape, message_names_place_field_value_reason_and_remedy) {
  ModelShape shape = test::llama_7b();
  shape.n_kv_head = 5;
  EXPECT_EQ(
      test::message_of<ConfigError>([&] { validate(shape, "model.yaml"); }),
      "model.yaml: n_head is '32' (must be a multiple of n_kv_head 5); change one of the two");
}

TEST(ModelShape, dimensions_must_be_positive) {
  ModelShape shape = test::llama_7b();
  shape.n_layer = 0;
  EXPECT_EQ(problem_field(shape), "n_layer");
  shape = test::llama_7b();
  shape.d_ff = -1;
  EXPECT_EQ(problem_field(shape), "d_ff");
  shape = test::llama_7b();
  shape.vocab_size = 0;
  EXPECT_EQ(problem_field(shape), "vocab_size");
  shape = test::llama_7b();
  shape.n_mtp_layer = -1;
  EXPECT_EQ(problem_field(shape), "n_mtp_layer");
}

TEST(ModelShape, odd_heads_are_refused_with_rotary_positions_only) {
  ModelShape shape = test::llama_7b();
  shape.d_head = 127;
  EXPECT_EQ(problem_field(shape), "d_head");
  shape.position = PositionEncoding::none;
  EXPECT_EQ(problem_field(shape), "none");
}

TEST(ModelShape, constants_must_be_positive) {
  ModelShape shape = test::llama_7b();
  shape.norm_eps = 0;
  EXPECT_EQ(problem_field(shape), "norm_eps");
  shape = test::llama_7b();
  shape.rope_theta = -1;
  EXPECT_EQ(problem_field(shape), "rope_theta");
}

TEST(ModelShape, experts_must_fit_together) {
  ModelShape shape = test::mixtral_8x7b();
  shape.moe->n_active_expert = 9;
  EXPECT_EQ(problem_field(shape), "moe.n_active_expert");
  shape = test::mixtral_8x7b();
  shape.moe->n_dense_layer = 32;
  EXPECT_EQ(problem_field(shape), "moe.n_dense_layer");
  shape = test::mixtral_8x7b();
  shape.moe->d_ff_expert = 0;
  EXPECT_EQ(problem_field(shape), "moe.d_ff_expert");
}

TEST(ModelShape, dense_width_is_free_when_every_layer_has_experts) {
  ModelShape shape = test::mixtral_8x7b();
  shape.d_ff = 0;
  EXPECT_EQ(problem_field(shape), "none");
  shape.moe->n_dense_layer = 1;
  EXPECT_EQ(problem_field(shape), "d_ff");
}

TEST(ModelShape, latent_attention_must_fit_together) {
  ModelShape shape = test::deepseek_v3();
  shape.mla->kv_lora_rank = 0;
  EXPECT_EQ(problem_field(shape), "mla.kv_lora_rank");
  shape = test::deepseek_v3();
  shape.mla->qk_rope_head_dim = 63;
  EXPECT_EQ(problem_field(shape), "mla.qk_rope_head_dim");
  shape = test::deepseek_v3();
  shape.d_head = 128;
  EXPECT_EQ(problem_field(shape), "d_head");
  shape = test::deepseek_v3();
  shape.qk_norm = true;
  EXPECT_EQ(problem_field(shape), "qk_norm");
}

TEST(ModelShape, sizes_beyond_64_bit_byte_counts_are_refused) {
  ModelShape shape = test::llama_7b();
  shape.d_model = int64_t{1} << 40;
  EXPECT_EQ(problem_field(shape), "d_model");
}

TEST(ShortName, tells_families_apart) {
  EXPECT_EQ(short_name(test::llama_7b()), "32L-32H-4096D-RoPE-RMS-SwiGLU-PreNorm");
  EXPECT_EQ(short_name(test::gpt2_124m()), "12L-12H-768D-AbsPos-LN-GELU-PreNorm");
  EXPECT_EQ(short_name(test::mixtral_8x7b()), "32L-32H-4096D-RoPE-RMS-SwiGLU-PreNorm-8KV-8x2E");
  EXPECT_EQ(short_name(test::deepseek_v3()), "61L-128H-7168D-RoPE-RMS-SwiGLU-PreNorm-MLA-256x8E");
}

TEST(ShortName, names_kinds_off_the_common_path) {
  ModelShape shape = test::llama_7b();
  shape.position = PositionEncoding::none;
  shape.norm = NormKind::layernorm_nobias;
  shape.norm_position = NormPosition::post;
  shape.activation = Activation::leaky_relu;
  EXPECT_EQ(short_name(shape), "32L-32H-4096D-NoPos-LN-NB-LeakyReGLU-PostNorm");
  shape.ffn = FfnType::standard;
  shape.activation = Activation::gelu_erf;
  EXPECT_EQ(short_name(shape), "32L-32H-4096D-NoPos-LN-NB-GELUerf-PostNorm");
}

}  // namespace
}  // namespace isoflop
