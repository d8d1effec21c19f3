// SPDX-License-Identifier: MIT
#include "core/model/activation_table.hpp"

#include "core/base/error.hpp"
#include "support/published_shapes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

constexpr int64_t kSeqLen = 2048;

int64_t bytes_per_token(const std::vector<SavedTensor>& tensors, int64_t compute_bytes) {
  int64_t bytes = 0;
  for (const SavedTensor& tensor : tensors)
    bytes += tensor.elements_per_token * (tensor.width == ElementWidth::fp32 ? 4 : compute_bytes);
  return bytes;
}

std::vector<std::string> names(const std::vector<SavedTensor>& tensors) {
  std::vector<std::string> result;
  for (const SavedTensor& tensor : tensors) result.push_back(tensor.name);
  return result;
}

// By hand, one Llama 3 8B block in bf16: residual1, norm1, attention, residual2, norm2 of 4096, qkv
// of 6144, ffn_in of 28672, ffn_act of 14336 = 69,632 elements of 2 bytes, 32 lse and 2 rstd of 4:
// 139,400 bytes, 4,356 KiB over 32 blocks. The head adds two tensors of 4096 and one rstd: 16 KiB.
TEST(ActivationTable, llama3_8b_saves_4_356_kib_a_token_in_its_blocks) {
  const ModelShape shape = test::llama3_8b();
  EXPECT_EQ(bytes_per_token(block_saved_tensors(shape, kSeqLen), 2), 139'400);
  EXPECT_EQ(32 * bytes_per_token(block_saved_tensors(shape, kSeqLen), 2) / 1024, 4356);
  EXPECT_EQ(bytes_per_token(head_saved_tensors(shape), 2), 2 * 4096 * 2 + 4);
}

TEST(ActivationTable, block_tensors_stand_in_forward_order) {
  EXPECT_THAT(names(block_saved_tensors(test::gpt2_124m(), kSeqLen)),
              testing::ElementsAre("residual1", "norm1_stats", "norm1", "qkv", "attention",
                                   "attention_stats", "residual2", "norm2_stats", "norm2", "ffn_in",
                                   "ffn_act"));
  EXPECT_THAT(names(head_saved_tensors(test::gpt2_124m())),
              testing::ElementsAre("residual", "norm_stats", "norm"));
}

TEST(ActivationTable, post_norm_keeps_its_input_and_leaves_the_last_norm_to_the_next_block) {
  ModelShape shape = test::gpt2_124m();
  shape.norm_position = NormPosition::post;
  EXPECT_THAT(names(block_saved_tensors(shape, kSeqLen)),
              testing::ElementsAre("input", "qkv", "attention", "attention_stats", "residual1",
                                   "norm1_stats", "norm1", "ffn_in", "ffn_act", "residual2",
                                   "norm2_stats"));
  EXPECT_THAT(names(head_saved_tensors(shape)), testing::ElementsAre("norm"));
  for (const SavedTensor& tensor : block_saved_tensors(shape, kSeqLen))
    EXPECT_EQ(tensor.kept_under_full_recompute, tensor.name == "input") << tensor.name;
}

// GPT-2's 12 heads: 12 x 2048 probabilities a token in compute dtype, where the tiled forms keep 12
// log-sum-exps of 4 bytes; as much again for their gradients.
TEST(ActivationTable, manual_attention_keeps_every_score) {
  ModelShape shape = test::gpt2_124m();
  const int64_t tiled = bytes_per_token(block_saved_tensors(shape, kSeqLen), 2);
  const int64_t tiled_phase = bytes_per_token(workspace_phases(shape, kSeqLen)[3].tensors, 2);
  shape.attention_backend = AttentionBackend::manual;
  EXPECT_EQ(bytes_per_token(block_saved_tensors(shape, kSeqLen), 2) - tiled,
            12 * 2048 * 2 - 12 * 4);
  EXPECT_EQ(bytes_per_token(workspace_phases(shape, kSeqLen)[3].tensors, 2) - tiled_phase,
            12 * 2048 * 2 - 12 * 4);
}

// 24 queries and keys of 64 and their means and rstds.
TEST(ActivationTable, qk_norm_keeps_queries_and_keys_as_they_were) {
  ModelShape shape = test::gpt2_124m();
  const int64_t without = bytes_per_token(block_saved_tensors(shape, kSeqLen), 2);
  shape.qk_norm = true;
  EXPECT_EQ(bytes_per_token(block_saved_tensors(shape, kSeqLen), 2) - without,
            24 * 64 * 2 + 24 * 2 * 4);
}

TEST(ActivationTable, dropout_needs_one_more_gradient_in_backward) {
  ModelShape shape = test::gpt2_124m();
  const std::vector<WorkspacePhase> without = workspace_phases(shape, kSeqLen);
  shape.dropout = 0.1;
  const std::vector<WorkspacePhase> with = workspace_phases(shape, kSeqLen);
  for (const std::size_t phase : {0u, 1u, 2u, 3u})
    EXPECT_EQ(with[phase].tensors.size() - without[phase].tensors.size(), phase < 2 ? 0u : 1u);
}

TEST(ActivationTable, layernorm_saves_mean_and_rstd_where_rmsnorm_saves_rstd) {
  EXPECT_EQ(block_saved_tensors(test::gpt2_124m(), kSeqLen)[1].elements_per_token, 2);
  EXPECT_EQ(block_saved_tensors(test::llama_7b(), kSeqLen)[1].elements_per_token, 1);
}

TEST(ActivationTable, full_recomputation_keeps_the_block_input_alone) {
  for (const SavedTensor& tensor : block_saved_tensors(test::llama_7b(), kSeqLen))
    EXPECT_EQ(tensor.kept_under_full_recompute, tensor.name == "residual1") << tensor.name;
}

// FFN backward of LLaMA 7B: 4096 + 11008 + 22016 + 4096 elements; attention backward 4096 + 4096 +
// 12288 + 4096 and 32 in fp32.
TEST(ActivationTable, phases_of_llama_7b_by_hand) {
  const std::vector<WorkspacePhase> phases = workspace_phases(test::llama_7b(), kSeqLen);
  ASSERT_EQ(phases.size(), 4u);
  EXPECT_EQ(bytes_per_token(phases[0].tensors, 2), 2 * 4096);
  EXPECT_EQ(bytes_per_token(phases[1].tensors, 2), 2 * 2 * 4096);
  EXPECT_EQ(bytes_per_token(phases[2].tensors, 2), 2 * (4096 + 11008 + 22016 + 4096));
  EXPECT_EQ(bytes_per_token(phases[3].tensors, 2), 2 * (4096 + 4096 + 12288 + 4096) + 4 * 32);
}

TEST(ActivationTable, models_the_trainer_cannot_run_have_no_table) {
  EXPECT_THROW(block_saved_tensors(test::mixtral_8x7b(), kSeqLen), ConfigError);
  EXPECT_THROW(workspace_phases(test::deepseek_v3(), kSeqLen), ConfigError);
}

// 2^22 / 50257 = 83.46: at least 512. 2^22 / 5000 = 838.9 rounded up to 896.
TEST(HeadChunk, is_about_four_million_logits_on_a_cpu_and_at_least_512_tokens) {
  EXPECT_EQ(head_chunk_tokens(50257, 8192, kCpuHeadChunk), 512);
  EXPECT_EQ(head_chunk_tokens(5000, 8192, kCpuHeadChunk), 896);
  EXPECT_EQ(head_chunk_tokens(256, 1 << 20, kCpuHeadChunk), 16384);
}

// 2^27 / 50257 = 2670.6, 2^27 / 128256 = 1046.5.
TEST(HeadChunk, is_about_134_million_logits_on_a_gpu) {
  EXPECT_EQ(head_chunk_tokens(50257, 8192, kGpuHeadChunk), 2688);
  EXPECT_EQ(head_chunk_tokens(128256, 8192, kGpuHeadChunk), 1088);
}

TEST(HeadChunk, holds_no_more_than_the_batch_rounded_up) {
  EXPECT_EQ(head_chunk_tokens(256, 1024, kCpuHeadChunk), 1024);
  EXPECT_EQ(head_chunk_tokens(256, 100, kCpuHeadChunk), 128);
}

TEST(SavedBytes, follow_the_width_and_round_up_to_256) {
  const SavedTensor compute{"x", 10, ElementWidth::compute, false};
  const SavedTensor fp32{"x", 10, ElementWidth::fp32, false};
  EXPECT_EQ(saved_bytes(compute, 100, 2), 2048);  // 2000 bytes
  EXPECT_EQ(saved_bytes(compute, 100, 4), 4096);  // 4000 bytes
  EXPECT_EQ(saved_bytes(fp32, 64, 2), 2560);      // exactly 10 x 256
}

}  // namespace
}  // namespace isoflop
