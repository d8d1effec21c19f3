// SPDX-License-Identifier: MIT
#include "core/model/param_count.hpp"

#include "support/published_shapes.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

TEST(ParamCount, gpt2_small_is_124_439_808) {
  EXPECT_EQ(count_params(test::gpt2_124m()).total(), 124'439'808);
}

TEST(ParamCount, gpt2_xl_is_1_557_611_200) {
  EXPECT_EQ(count_params(test::gpt2(48, 1600, 25)).total(), 1'557'611'200);
}

TEST(ParamCount, llama_7b_is_6_738_415_616) {
  EXPECT_EQ(count_params(test::llama_7b()).total(), 6'738'415'616);
}

TEST(ParamCount, llama_65b_is_65_285_660_672) {
  EXPECT_EQ(count_params(test::llama_65b()).total(), 65'285'660'672);
}

TEST(ParamCount, llama3_8b_is_8_030_261_248) {
  EXPECT_EQ(count_params(test::llama3_8b()).total(), 8'030'261'248);
}

TEST(ParamCount, llama3_70b_is_70_553_706_496) {
  EXPECT_EQ(count_params(test::llama3_70b()).total(), 70'553'706'496);
}

TEST(ParamCount, llama3_405b_is_405_853_388_800) {
  EXPECT_EQ(count_params(test::llama3_405b()).total(), 405'853'388'800);
}

TEST(ParamCount, mixtral_8x7b_is_46_702_792_704) {
  EXPECT_EQ(count_params(test::mixtral_8x7b()).total(), 46'702'792'704);
}

// "47B parameters but uses 13B active": arXiv:2401.04088, abstract.
TEST(ParamCount, mixtral_8x7b_activates_12_88_billion) {
  const ParamCount count = count_params(test::mixtral_8x7b());
  // 6 of 8 experts stand by in each of 32 layers: 6 x 3 x 4096 x 14336 x 32.
  EXPECT_EQ(count.ffn_inactive, 6 * 3 * 4096LL * 14336 * 32);
  EXPECT_EQ(count.active(), 12'879'925'248);
}

// 50304 is the vocabulary padded to a multiple of 64, as nanoGPT trains it.
TEST(ParamCount, gpt2_small_without_biases_and_with_padded_vocabulary_is_124_373_760) {
  ModelShape shape = test::gpt2_124m();
  shape.vocab_size = 50304;
  shape.norm = NormKind::layernorm_nobias;
  shape.qkv_bias = shape.attention_out_bias = shape.ffn_bias = false;
  EXPECT_EQ(count_params(shape).total(), 124'373'760);
}

// The components of GPT-2 124M by hand.
TEST(ParamCount, gpt2_small_by_component) {
  const ParamCount count = count_params(test::gpt2_124m());
  EXPECT_EQ(count.token_embedding, 50257 * 768);
  EXPECT_EQ(count.position_embedding, 1024 * 768);
  EXPECT_EQ(count.attention, 12 * (4 * 768 * 768 + 4 * 768));
  EXPECT_EQ(count.ffn, 12 * (2 * 768 * 3072 + 3072 + 768));
  EXPECT_EQ(count.norm, 25 * 2 * 768);
  EXPECT_EQ(count.router, 0);
  EXPECT_EQ(count.output, 0);
  EXPECT_EQ(count.mtp, 0);
  EXPECT_EQ(count.active(), count.total());
  EXPECT_EQ(count.non_embedding(), 124'439'808 - (50257 + 1024) * 768);
}

// "671B total parameters with 37B activated": arXiv:2412.19437, abstract.
TEST(ParamCount, deepseek_v3_is_671_026_419_200_with_37_6_billion_active) {
  const ParamCount count = count_params(test::deepseek_v3());
  EXPECT_EQ(count.total(), 671'026'419'200);
  // 248 of 256 experts of 3 x 7168 x 2048 stand by in each of 58 layers.
  EXPECT_EQ(count.ffn_inactive, 248 * 3 * 7168LL * 2048 * 58);
  // Without the input table, which a token only looks up: 36.6 billion.
  EXPECT_EQ(count.active(), 37'552'297'472);
}

// The model card at huggingface.co/deepseek-ai/DeepSeek-V3 lists its safetensors: 680,571,043,840
// values in F8_E4M3 and 3,918,786,560 in BF16, besides the fp32 router biases (256 in each of 58
// layers and of the MTP layer) and the fp8 scales, which are no parameters. The MTP layer comes
// with copies of the embedding and the output matrix (129280 x 7168 each).
TEST(ParamCount, deepseek_v3_with_its_mtp_layer_equals_the_published_tensors) {
  const ParamCount count = count_params(test::deepseek_v3());
  const int64_t shared_copies = 2 * 129280LL * 7168;
  const int64_t router_biases = 59 * 256;
  EXPECT_EQ(count.total() + count.mtp + shared_copies,
            680'571'043'840 + 3'918'786'560 + router_biases);
}

// Qwen2-7B's model card: 7,615,616,512 parameters.
TEST(ParamCount, qwen2_7b_counts_the_biases_of_queries_keys_and_values) {
  ModelShape shape = test::llama({28, 3584, 28, 4, 18944, 152064, 32768});
  const int64_t without_bias = count_params(shape).total();
  shape.qkv_bias = true;
  EXPECT_EQ(count_params(shape).total() - without_bias, 28 * (28 + 2 * 4) * 128);
  EXPECT_EQ(count_params(shape).total(), 7'615'616'512);
}

TEST(ParamCount, query_and_key_norms_count_under_attention) {
  ModelShape shape = test::llama_7b();
  const ParamCount plain = count_params(shape);
  shape.qk_norm = true;
  EXPECT_EQ(count_params(shape).attention - plain.attention, 32 * 2 * 128);
  EXPECT_EQ(count_params(shape).norm, plain.norm);
}

TEST(ParamCount, post_norm_has_no_final_norm) {
  ModelShape shape = test::gpt2_124m();
  shape.norm_position = NormPosition::post;
  EXPECT_EQ(count_params(shape).norm, 24 * 2 * 768);
}

}  // namespace
}  // namespace isoflop
