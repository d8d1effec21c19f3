// SPDX-License-Identifier: MIT
#include "core/parallel/memory_model.hpp"

#include "core/base/error.hpp"
#include "core/parallel/cpu_scratch.hpp"
#include "core/parallel/flat_layout.hpp"
#include "support/error_matchers.hpp"
#include "support/published_shapes.hpp"

namespace isoflop {
namespace {

using testing::HasSubstr;

/// One layer, d_model 10, 2 heads of 4, one key-value head, d_ff 20, 30 words: units of 384, 1408
/// and 512 elements (core/parallel/flat_layout_test.cpp has them by hand).
ModelShape tiny() {
  ModelShape shape = test::llama({1, 10, 2, 1, 20, 30, 8});
  shape.d_head = 4;
  return shape;
}

MemoryEstimate estimate(const ModelShape& shape, const Layout& layout, int64_t seq_len,
                        Precision precision) {
  return estimate_memory({shape, layout, seq_len, precision});
}

TEST(MemoryModel, ddp_in_fp32_holds_weights_gradients_and_two_moments) {
  const MemoryEstimate memory = estimate(tiny(), Layout{.n_replica = 4}, 8, Precision::fp32);
  const int64_t elements = 384 + 1408 + 512;
  EXPECT_EQ(memory.parameters, 4 * elements);
  EXPECT_EQ(memory.compute_parameters, 0);
  EXPECT_EQ(memory.gradients, 4 * elements);
  EXPECT_EQ(memory.optimizer, 8 * elements);
  EXPECT_EQ(memory.gathered, 0);
  EXPECT_EQ(memory.gradient_buffers, 0);
}

TEST(MemoryModel, ddp_in_bf16_adds_a_two_byte_copy_of_the_weights) {
  const MemoryEstimate memory = estimate(tiny(), Layout{.n_replica = 4}, 8, Precision::bf16);
  EXPECT_EQ(memory.parameters, 4 * (384 + 1408 + 512));
  EXPECT_EQ(memory.compute_parameters, 2 * (384 + 1408 + 512));
}

// Three shards pad the units to 384, 1536 and 768: a rank holds 896 elements and works in two
// buffers of 1536; the largest reduced shard has 512.
TEST(MemoryModel, fsdp_shards_the_state_and_adds_two_units_and_a_reduced_shard) {
  const Layout layout{.strategy = ParallelStrategy::fsdp, .n_shard = 3};
  const MemoryEstimate fp32 = estimate(tiny(), layout, 8, Precision::fp32);
  EXPECT_EQ(fp32.parameters, 4 * 896);
  EXPECT_EQ(fp32.compute_parameters, 0);
  EXPECT_EQ(fp32.gradients, 4 * 896);
  EXPECT_EQ(fp32.optimizer, 8 * 896);
  EXPECT_EQ(fp32.gathered, 2 * 4 * 1536);
  EXPECT_EQ(fp32.gradient_buffers, 2 * 4 * 1536 + 4 * 512);
  const MemoryEstimate bf16 = estimate(tiny(), layout, 8, Precision::bf16);
  EXPECT_EQ(bf16.parameters, fp32.parameters);
  EXPECT_EQ(bf16.compute_parameters, 0);
  EXPECT_EQ(bf16.gathered, 2 * 2 * 1536);
  EXPECT_EQ(bf16.gradient_buffers, fp32.gradient_buffers);
}

// Three shards as above, 2,688 elements in all.
TEST(MemoryModel, zero1_shards_optimizer_state_only_with_the_shard_in_place_in_fp32) {
  const Layout layout{.strategy = ParallelStrategy::zero1, .n_shard = 3};
  const MemoryEstimate fp32 = estimate(tiny(), layout, 8, Precision::fp32);
  EXPECT_EQ(fp32.parameters, 4 * 2688);
  EXPECT_EQ(fp32.compute_parameters, 0);
  EXPECT_EQ(fp32.gradients, 4 * 2688);
  EXPECT_EQ(fp32.optimizer, 8 * 896);
  EXPECT_EQ(fp32.gathered + fp32.gradient_buffers, 0);
  const MemoryEstimate bf16 = estimate(tiny(), layout, 8, Precision::bf16);
  EXPECT_EQ(bf16.parameters, 4 * 896);
  EXPECT_EQ(bf16.compute_parameters, 2 * 2688);
  EXPECT_EQ(bf16.gradients, 4 * 2688);
}

TEST(MemoryModel, zero2_shards_gradients_too_and_reduces_them_in_two_units) {
  Layout layout{.strategy = ParallelStrategy::zero2, .n_shard = 3};
  const MemoryEstimate zero2 = estimate(tiny(), layout, 8, Precision::bf16);
  EXPECT_EQ(zero2.parameters, 4 * 896);
  EXPECT_EQ(zero2.compute_parameters, 2 * 2688);
  EXPECT_EQ(zero2.gradients, 4 * 896);
  EXPECT_EQ(zero2.gathered, 0);
  EXPECT_EQ(zero2.gradient_buffers, 2 * 4 * 1536 + 4 * 512);
  layout = {.strategy = ParallelStrategy::fsdp, .n_shard = 3, .reshard_after_forward = false};
  EXPECT_EQ(estimate(tiny(), layout, 8, Precision::bf16).terms(), zero2.terms());
}

TEST(MemoryModel, hsdp_holds_what_fsdp_holds_on_one_copy) {
  const Layout fsdp{.strategy = ParallelStrategy::fsdp, .n_shard = 3};
  const Layout hsdp{.strategy = ParallelStrategy::hsdp, .n_replica = 4, .n_shard = 3};
  EXPECT_EQ(estimate(tiny(), hsdp, 8, Precision::bf16).terms(),
            estimate(tiny(), fsdp, 8, Precision::bf16).terms());
}

// All in one unit of 384 + 1408 + 512 = 2304 elements, a multiple of 3 x 128.
TEST(MemoryModel, merged_units_are_gathered_and_reduced_in_larger_buffers) {
  const Layout layout{
      .strategy = ParallelStrategy::fsdp, .n_shard = 3, .min_unit_params = 1'000'000};
  const MemoryEstimate memory = estimate(tiny(), layout, 8, Precision::fp32);
  EXPECT_EQ(memory.parameters, 4 * 768);
  EXPECT_EQ(memory.gathered, 2 * 4 * 2304);
  EXPECT_EQ(memory.gradient_buffers, 2 * 4 * 2304 + 4 * 768);
}

// Tied, 3000 words: the embedding has 30000 elements, 30080 aligned, 30208 over two shards; blocks
// have 1408, 1536 over two shards.
TEST(MemoryModel, tied_embedding_has_gathered_and_gradient_buffers_of_its_own) {
  ModelShape shape = tiny();
  shape.vocab_size = 3000;
  shape.tied_embeddings = true;
  const Layout layout{.strategy = ParallelStrategy::fsdp, .n_shard = 2};
  const MemoryEstimate memory = estimate(shape, layout, 8, Precision::bf16);
  EXPECT_EQ(memory.gathered, 2 * (2 * 1536 + 30208));
  EXPECT_EQ(memory.gradient_buffers, 4 * (2 * 1536 + 30208 + 30208 / 2));
}

// 64 tokens in bf16. Block: five tensors of 10 x 64 x 2 = 1280 (residual1, norm1, residual2, norm2:
// 4) and attention 8 x 64 x 2 = 1024, qkv 16 x 64 x 2 = 2048, ffn_in 40 x 64 x 2 = 5120, ffn_act
// 2560, two stats of 64 x 4 = 256, lse 2 x 64 x 4 = 512. Head: 2 x 1280 + 256.
constexpr int64_t kTinyBlock = 4 * 1280 + 1024 + 2048 + 5120 + 2560 + 2 * 256 + 512;
constexpr int64_t kTinyHead = 2 * 1280 + 256;
// FFN backward: 1280 + 2560 + 5120 + 1280; attention backward: 1280 + 1024 + 2048 + 1280 + 512.
constexpr int64_t kTinyPhase = 1280 + 2560 + 5120 + 1280;

TEST(MemoryModel, activations_and_workspace_of_a_tiny_model_by_hand) {
  ModelShape shape = tiny();
  shape.n_layer = 3;
  const Layout layout{.micro_batch_size = 8};
  const MemoryEstimate memory = estimate(shape, layout, 8, Precision::bf16);
  EXPECT_EQ(memory.activations, 3 * kTinyBlock + kTinyHead);
  EXPECT_EQ(memory.workspace, kTinyPhase + cpu_scratch_bytes(shape, 8, Precision::bf16));
}

TEST(MemoryModel, full_recomputation_keeps_one_tensor_a_block_and_works_in_one_block) {
  ModelShape shape = tiny();
  shape.n_layer = 3;
  const Layout layout{.micro_batch_size = 8, .recompute = Recompute::full};
  const MemoryEstimate memory = estimate(shape, layout, 8, Precision::bf16);
  EXPECT_EQ(memory.activations, 3 * 1280 + kTinyHead);
  EXPECT_EQ(memory.workspace,
            kTinyPhase + kTinyBlock - 1280 + cpu_scratch_bytes(shape, 8, Precision::bf16));
}

TEST(MemoryModel, selective_recomputation_holds_what_it_rebuilds_once) {
  ModelShape shape = tiny();
  shape.n_layer = 3;
  const Layout layout{.micro_batch_size = 8,
                      .recompute = BlockParts{BlockPart::norms, BlockPart::attention}};
  const MemoryEstimate memory = estimate(shape, layout, 8, Precision::bf16);
  constexpr int64_t kRebuilt = 2 * 1280 + 1024 + 512;  // norm1, norm2, attention, lse
  EXPECT_EQ(memory.activations, 3 * (kTinyBlock - kRebuilt) + kTinyHead);
  EXPECT_EQ(memory.workspace, kTinyPhase + kRebuilt + cpu_scratch_bytes(shape, 8, Precision::bf16));
}

// Block 0 keeps one tensor, 1 everything, 2 all but its norms, which it shares with block 0.
TEST(MemoryModel, ranges_of_blocks_keep_what_each_needs) {
  ModelShape shape = tiny();
  shape.n_layer = 3;
  const Layout layout{.micro_batch_size = 8,
                      .recompute = RecomputePlan(
                          {{0, 0, BlockParts(Recompute::full)}, {2, 2, {BlockPart::norms}}})};
  const MemoryEstimate memory = estimate(shape, layout, 8, Precision::bf16);
  EXPECT_EQ(memory.activations, 1280 + kTinyBlock + (kTinyBlock - 2 * 1280) + kTinyHead);
  EXPECT_EQ(memory.workspace,
            kTinyPhase + kTinyBlock - 1280 + cpu_scratch_bytes(shape, 8, Precision::bf16));
}

// Muon's update takes the place of the passes' temporaries, not of what blocks share.
TEST(MemoryModel, what_is_run_again_is_held_during_the_update_too) {
  const ModelShape shape = test::gpt2_124m();
  const Layout kept, again{.recompute = Recompute::selective};
  const MemoryRequest of_kept{
      .shape = shape, .layout = kept, .seq_len = 16, .optimizer = OptimizerKind::muon};
  const MemoryRequest of_again{
      .shape = shape, .layout = again, .seq_len = 16, .optimizer = OptimizerKind::muon};
  EXPECT_EQ(estimate_memory(of_kept).workspace,
            cpu_update_scratch_bytes(shape, OptimizerKind::muon));
  // norm1, norm2, attention of 768, ffn_act of 3072 and 12 log-sum-exps.
  EXPECT_EQ(estimate_memory(of_again).workspace,
            cpu_update_scratch_bytes(shape, OptimizerKind::muon) + 16 * 4 * (3 * 768 + 3072 + 12));
}

// 100 tokens: logits of 128 tokens x 30 words; each of the two batches takes 8 + 800 -> 1,024
// bytes.
TEST(MemoryModel, logits_are_one_chunk_in_fp32_and_tokens_are_double_buffered) {
  for (const Precision precision : {Precision::fp32, Precision::bf16}) {
    const MemoryEstimate memory = estimate(tiny(), Layout{.micro_batch_size = 25}, 4, precision);
    EXPECT_EQ(memory.logits, 128 * 30 * 4);
    EXPECT_EQ(memory.batch, 2 * 1024);
  }
}

constexpr int64_t up_to_granule(int64_t bytes) { return (bytes + (1 << 21) - 1) >> 21 << 21; }

// What collectives touch, and nothing else: master weights only where they are gathered as they
// are.
TEST(MemoryModel, buffers_registered_with_nccl_take_whole_granules_of_2_mib) {
  const ModelShape shape = test::llama({2, 512, 8, 8, 1408, 32000, 128});
  const Layout sharded = {.strategy = ParallelStrategy::fsdp, .n_shard = 8, .micro_batch_size = 1};
  for (const Precision precision : {Precision::bf16, Precision::fp32}) {
    MemoryRequest request{shape, sharded, 128, precision, GpuKernels{}};
    const MemoryEstimate plain = estimate_memory(request);
    request.nccl_registration = NcclRegistration::local;
    const MemoryEstimate registered = estimate_memory(request);
    EXPECT_EQ(registered.gradients, up_to_granule(plain.gradients));
    EXPECT_EQ(registered.parameters,
              precision == Precision::fp32 ? up_to_granule(plain.parameters) : plain.parameters);
    EXPECT_EQ(registered.gathered % (1 << 21), 0);
    EXPECT_LT(registered.gathered - plain.gathered, 3 << 21);
    EXPECT_EQ(registered.gradient_buffers % (1 << 21), 0);
    EXPECT_LT(registered.gradient_buffers - plain.gradient_buffers, 4 << 21);
    EXPECT_EQ(registered.optimizer, plain.optimizer);
    EXPECT_EQ(registered.activations, plain.activations);
    request.gpu.reset();
    EXPECT_EQ(estimate_memory(request).gradients, plain.gradients);
  }
}

TEST(MemoryModel, one_gpu_alone_registers_nothing) {
  const ModelShape shape = test::llama({2, 512, 8, 8, 1408, 32000, 128});
  const Layout alone = {.micro_batch_size = 1};
  MemoryRequest request{shape, alone, 128, Precision::bf16, GpuKernels{}};
  const int64_t plain = estimate_memory(request).total();
  request.nccl_registration = NcclRegistration::symmetric;
  EXPECT_EQ(estimate_memory(request).total(), plain);
}

TEST(MemoryModel, chunks_of_logits_are_larger_on_a_gpu) {
  ModelShape shape = tiny();
  shape.vocab_size = 50304;
  const Layout layout{.micro_batch_size = 1000};
  const MemoryRequest on_cpu{shape, layout, 4, Precision::bf16};
  EXPECT_EQ(estimate_memory(on_cpu).logits, 512 * 50304 * 4);
  const MemoryRequest on_gpu{shape, layout, 4, Precision::bf16, GpuKernels{}};
  EXPECT_EQ(estimate_memory(on_gpu).logits, 2688 * 50304 * 4);
}

TEST(MemoryModel, rows_of_logits_of_any_vocabulary_are_aligned_on_a_gpu) {
  ModelShape shape = tiny();
  shape.vocab_size = 50257;
  const Layout layout{.micro_batch_size = 1000};
  const MemoryRequest on_cpu{shape, layout, 4, Precision::bf16};
  EXPECT_EQ(estimate_memory(on_cpu).logits, 512 * 50257 * 4);
  const MemoryRequest on_gpu{shape, layout, 4, Precision::bf16, GpuKernels{}};
  EXPECT_EQ(estimate_memory(on_gpu).logits, 2688 * 50304 * 4);
}

// ZeRO-3 on 8 ranks at 16 bytes a parameter: 8,030,261,248 x 16 / 8 bytes and a little padding;
// 4,356.25 KiB a token and layer stack, 16 KiB in the head.
TEST(MemoryModel, llama3_8b_over_8_ranks_at_8192_tokens) {
  const Layout layout{.strategy = ParallelStrategy::fsdp, .n_shard = 8};
  const MemoryEstimate memory = estimate(test::llama3_8b(), layout, 8192, Precision::bf16);
  const double state = static_cast<double>(memory.parameters + memory.gradients + memory.optimizer);
  EXPECT_NEAR(state, 16 * 8'030'261'248.0 / 8, 1e6);
  EXPECT_EQ(memory.activations, 8192LL * (32 * 139'400 + 16'388));
}

// 84,934,656 of the parameters are hidden matrices. The update works in a copy of the largest
// (768 x 3072) and two Gram matrices (768 x 768), which the workspace of a few tokens does not
// hold.
TEST(MemoryModel, muon_keeps_one_moment_of_hidden_matrices_and_works_in_the_workspace) {
  const ModelShape shape = test::gpt2_124m();
  const Layout layout;
  MemoryRequest request{.shape = shape, .layout = layout, .seq_len = 8};
  const MemoryEstimate adamw = estimate_memory(request);
  request.optimizer = OptimizerKind::muon;
  const MemoryEstimate muon = estimate_memory(request);
  EXPECT_EQ(adamw.optimizer - muon.optimizer, 4 * 84'934'656);
  EXPECT_EQ(muon.workspace, 4 * (768 * 3072 + 2 * 768 * 768));
  EXPECT_LT(adamw.workspace, muon.workspace);
  request.seq_len = 1024;
  const int64_t workspace_of_1024_tokens = estimate_memory(request).workspace;
  request.optimizer = OptimizerKind::adamw;
  EXPECT_EQ(estimate_memory(request).workspace, workspace_of_1024_tokens);
}

// GPT-2's matrices divide evenly by four owners: each keeps a quarter of the momentum. With shards
// two more buffers take what an owner gathers.
TEST(MemoryModel, muons_owners_share_its_momentum_under_every_strategy) {
  const ModelShape shape = test::gpt2_124m();
  const auto estimate_on = [&](const Layout& layout) {
    return estimate_memory(
        {.shape = shape, .layout = layout, .seq_len = 8, .optimizer = OptimizerKind::muon});
  };
  const MemoryEstimate alone = estimate_on({});
  const MemoryEstimate ddp = estimate_on({.n_replica = 4});
  EXPECT_EQ(alone.optimizer - ddp.optimizer, 3 * 84'934'656);
  EXPECT_EQ(alone.workspace, ddp.workspace);
  const MemoryEstimate fsdp = estimate_on({.strategy = ParallelStrategy::fsdp, .n_shard = 4});
  EXPECT_NEAR(static_cast<double>(fsdp.optimizer), static_cast<double>(alone.optimizer) / 4,
              0.01 * static_cast<double>(alone.optimizer) / 4);
  EXPECT_EQ(fsdp.workspace, alone.workspace + 2 * 4 * 768 * 3072);
}

TEST(MemoryModel, terms_are_sorted_without_zeros_and_sum_to_the_total) {
  const MemoryEstimate memory = estimate(test::gpt2_124m(), Layout{}, 1024, Precision::fp32);
  const auto terms = memory.terms();
  int64_t sum = 0;
  for (std::size_t i = 0; i < terms.size(); ++i) {
    EXPECT_GT(terms[i].second, 0) << terms[i].first;
    EXPECT_GE(terms[i == 0 ? 0 : i - 1].second, terms[i].second);
    sum += terms[i].second;
  }
  EXPECT_EQ(sum, memory.total());
  EXPECT_EQ(terms.front().first, "optimizer state");
  EXPECT_EQ(terms.size(), 7u);  // no compute copy, nothing gathered, no gradient buffers
}

TEST(MemoryModel, precisions_below_two_bytes_are_refused) {
  EXPECT_THAT(test::message_of<ConfigError>([] { estimate(tiny(), Layout{}, 8, Precision::fp8); }),
              HasSubstr("precision is 'fp8'"));
}

TEST(MemoryModel, shapes_the_trainer_cannot_run_are_refused) {
  EXPECT_THAT(test::message_of<ConfigError>(
                  [] { estimate(test::mixtral_8x7b(), Layout{}, 8, Precision::bf16); }),
              HasSubstr("mixture of experts"));
}

TEST(MemoryModel, kept_parts_add_up_to_every_layouts_own_estimate) {
  const ModelShape shape = test::llama_7b();
  const GpuKernels kernels = gpu_kernels("9.0").value();
  const OptimizerKind muon = OptimizerKind::muon;
  MemoryModel model({shape, {}, 2048, Precision::bf16, kernels, muon});
  for (const auto& [strategy, name] : kStrategyNames) {
    for (const Recompute recompute : {Recompute::none, Recompute::selective, Recompute::full}) {
      for (const int64_t micro : {1, 4}) {
        const bool replicated = strategy == ParallelStrategy::ddp;
        const bool hybrid = strategy == ParallelStrategy::hsdp;
        const Layout layout{.strategy = strategy,
                            .n_replica = replicated ? 8
                                         : hybrid   ? 2
                                                    : 1,
                            .n_shard = replicated ? 1
                                       : hybrid   ? 4
                                                  : 8,
                            .micro_batch_size = micro,
                            .recompute = recompute};
        const MemoryEstimate alone =
            estimate_memory({shape, layout, 2048, Precision::bf16, kernels, muon});
        EXPECT_EQ(model.estimate(layout).terms(), alone.terms()) << name;
      }
    }
  }
}

}  // namespace
}  // namespace isoflop
