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

std::vector<std::string> names_kept(const ModelShape& shape, BlockParts rerun) {
  std::vector<SavedTensor> tensors = block_saved_tensors(shape, kSeqLen);
  std::erase_if(tensors, [&](const SavedTensor& tensor) { return !tensor.is_kept(rerun); });
  return names(tensors);
}

ModelShape post_norm_gpt2() {
  ModelShape shape = test::gpt2_124m();
  shape.norm_position = NormPosition::post;
  return shape;
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
  const ModelShape shape = post_norm_gpt2();
  EXPECT_THAT(names(block_saved_tensors(shape, kSeqLen)),
              testing::ElementsAre("input", "qkv", "attention", "attention_stats", "residual1",
                                   "norm1_stats", "norm1", "ffn_in", "ffn_act", "residual2",
                                   "norm2_stats"));
  EXPECT_THAT(names(head_saved_tensors(shape)), testing::ElementsAre("norm"));
  for (const SavedTensor& tensor : block_saved_tensors(shape, kSeqLen))
    EXPECT_EQ(!tensor.rebuilt_by, tensor.name == "input") << tensor.name;
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
  EXPECT_THAT(names_kept(test::llama_7b(), BlockParts(Recompute::full)),
              testing::ElementsAre("residual1"));
  EXPECT_THAT(names_kept(post_norm_gpt2(), BlockParts(Recompute::full)),
              testing::ElementsAre("input"));
}

TEST(ActivationTable, selective_recomputation_keeps_what_its_parts_are_run_from) {
  EXPECT_THAT(
      names_kept(test::gpt2_124m(), {BlockPart::norms}),
      testing::ElementsAre("residual1", "norm1_stats", "qkv", "attention", "attention_stats",
                           "residual2", "norm2_stats", "ffn_in", "ffn_act"));
  EXPECT_THAT(names_kept(test::gpt2_124m(), {BlockPart::activations, BlockPart::attention}),
              testing::ElementsAre("residual1", "norm1_stats", "norm1", "qkv", "residual2",
                                   "norm2_stats", "norm2", "ffn_in"));
  EXPECT_THAT(names_kept(post_norm_gpt2(), BlockParts(Recompute::selective)),
              testing::ElementsAre("input", "qkv", "residual1", "norm1_stats", "ffn_in",
                                   "residual2", "norm2_stats"));
}

// 1024 tokens of GPT-2 124M in bf16. d_model 768, qkv 2304, ffn 3072: 1 MiB is 512 elements of 2
// bytes a token. All: 4 x 768 (residuals, norms) + 2304 + 768 (attention) + 2 x 3072 = 12288
// elements, 24 MiB; two norms' statistics of 2 and 12 log-sum-exps of 4 bytes: 16 and 48 KiB.
TEST(KeptBytes, of_a_gpt2_block_by_hand) {
  constexpr int64_t kKiB = 1024, kMiB = 1024 * kKiB;
  const std::vector<SavedTensor> block = block_saved_tensors(test::gpt2_124m(), kSeqLen);
  const auto kept = [&](BlockParts rerun) { return kept_bytes(block, rerun, 1024, 2); };
  const int64_t all = 24 * kMiB + 64 * kKiB;
  EXPECT_EQ(saved_bytes(block, 1024, 2), all);
  EXPECT_EQ(kept({}), all);
  EXPECT_EQ(kept({BlockPart::norms}), all - 3 * kMiB);
  EXPECT_EQ(kept({BlockPart::activations}), all - 6 * kMiB);
  EXPECT_EQ(kept({BlockPart::attention}), all - 3 * kMiB / 2 - 48 * kKiB);
  EXPECT_EQ(kept({BlockPart::norms, BlockPart::attention}), all - 9 * kMiB / 2 - 48 * kKiB);
  EXPECT_EQ(kept(BlockParts(Recompute::selective)), 27 * kMiB / 2 + 16 * kKiB);
  EXPECT_EQ(kept(BlockParts(Recompute::full)), 3 * kMiB / 2);
}

// 256 tokens of LLaMA 7B in fp32: 1 MiB is 1024 elements a token. d_model 4096, qkv 12288, ffn_in
// 22016, ffn_act 11008: all 4 x 4 + 12 + 4 + 21.5 + 10.75 = 64.25 MiB, two rstds (2 KiB), 32
// log-sum-exps (32 KiB).
TEST(KeptBytes, of_a_llama_block_by_hand) {
  constexpr int64_t kKiB = 1024, kMiB = 1024 * kKiB;
  const std::vector<SavedTensor> block = block_saved_tensors(test::llama_7b(), kSeqLen);
  const auto kept = [&](BlockParts rerun) { return kept_bytes(block, rerun, 256, 4); };
  const int64_t all = 257 * kMiB / 4 + 34 * kKiB;
  EXPECT_EQ(kept({}), all);
  EXPECT_EQ(kept({BlockPart::norms}), all - 8 * kMiB);
  EXPECT_EQ(kept({BlockPart::activations}), all - 43 * kMiB / 4);
  EXPECT_EQ(kept({BlockPart::attention}), all - 4 * kMiB - 32 * kKiB);
  EXPECT_EQ(kept(BlockParts(Recompute::full)), 4 * kMiB);
}

// Its 12 x 2048 probabilities a token in bf16, 48 MiB of 1024 tokens, go with the attention.
TEST(KeptBytes, manual_attention_gives_up_its_scores) {
  ModelShape shape = test::gpt2_124m();
  shape.attention_backend = AttentionBackend::manual;
  const std::vector<SavedTensor> block = block_saved_tensors(shape, kSeqLen);
  EXPECT_EQ(kept_bytes(block, {}, 1024, 2) - kept_bytes(block, {BlockPart::attention}, 1024, 2),
            (48 * 1024 + 1536) * 1024);
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
  EXPECT_EQ(bytes_per_token(workspace_phases(test::gpt2_124m(), kSeqLen)[2].tensors, 2),
            2 * (768 + 3072 + 768))
      << "without gate the gradient goes through the activation in place";
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

TEST(GpuLogitsStride, is_the_vocabulary_rounded_up_to_128) {
  EXPECT_EQ(gpu_logits_stride(50257), 50304);
  EXPECT_EQ(gpu_logits_stride(50304), 50304);
  EXPECT_EQ(gpu_logits_stride(128256), 128256);
  EXPECT_EQ(gpu_logits_stride(1), 128);
}

TEST(HeadChunk, holds_no_more_than_the_batch_rounded_up) {
  EXPECT_EQ(head_chunk_tokens(256, 1024, kCpuHeadChunk), 1024);
  EXPECT_EQ(head_chunk_tokens(256, 100, kCpuHeadChunk), 128);
}

TEST(SavedBytes, follow_the_width_and_round_up_to_256) {
  const SavedTensor compute{"x", 10, ElementWidth::compute};
  const SavedTensor fp32{"x", 10, ElementWidth::fp32};
  EXPECT_EQ(saved_bytes(compute, 100, 2), 2048);  // 2000 bytes
  EXPECT_EQ(saved_bytes(compute, 100, 4), 4096);  // 4000 bytes
  EXPECT_EQ(saved_bytes(fp32, 64, 2), 2560);      // exactly 10 x 256
}

}  // namespace
}  // namespace isoflop
