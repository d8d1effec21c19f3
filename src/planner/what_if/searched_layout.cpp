// SPDX-License-Identifier: MIT
#include "planner/what_if/searched_layout.hpp"

#include <fmt/format.h>

namespace isoflop {

namespace {

int64_t state_ranks(const ParallelLayout& layout) { return layout.data * layout.context; }

bool shards_in_groups(const ParallelLayout& layout) {
  return layout.strategy == ParallelStrategy::zero1 && layout.shard < state_ranks(layout);
}

std::string pipeline_text(const ParallelLayout& layout) {
  if (layout.virtual_pipeline == 1) return fmt::format("pipeline {}", layout.pipeline);
  return fmt::format("pipeline {} ({} chunks)", layout.pipeline, layout.virtual_pipeline);
}

/// "tensor 8 x pipeline 4 x data 2": groups of one are left out.
std::string groups_text(const ParallelLayout& layout) {
  std::string text;
  if (layout.tensor > 1)
    text += fmt::format("tensor {}{} x ", layout.tensor,
                        layout.sequence_parallel ? " (sequence parallel)" : "");
  if (layout.context > 1) text += fmt::format("context {} x ", layout.context);
  if (layout.pipeline > 1) text += pipeline_text(layout) + " x ";
  text += fmt::format("data {}", layout.data);
  if (layout.expert > 1) text += fmt::format(" (experts over {})", layout.expert);
  return text;
}

std::string sharding_text(const ParallelLayout& layout) {
  const std::string name = enum_name(kStrategyNames, layout.strategy);
  if (layout.strategy == ParallelStrategy::ddp) return name;
  const bool keeps = shards_parameters(layout.strategy) && !layout.regathers;
  return fmt::format("{} over {}{}", name, layout.shard, keeps ? ", no reshard after forward" : "");
}

}  // namespace

RecomputeShare recompute_share(const RecomputeChoice& choice, SelectiveRule rule) {
  const double whole = static_cast<double>(choice.whole) / static_cast<double>(choice.blocks);
  const RecomputeShare all = recompute_share(Recompute::full, rule);
  const RecomputeShare rest =
      choice.selective ? recompute_share(Recompute::selective, rule) : RecomputeShare{};
  const auto mix = [&](double RecomputeShare::*part) {
    return whole * all.*part + (1 - whole) * rest.*part;
  };
  return {.products = mix(&RecomputeShare::products),
          .last_product = mix(&RecomputeShare::last_product),
          .attention = mix(&RecomputeShare::attention),
          .elementwise = mix(&RecomputeShare::elementwise),
          .communication = mix(&RecomputeShare::communication),
          .whole_blocks = mix(&RecomputeShare::whole_blocks)};
}

RecomputePlan recompute_plan(const RecomputeChoice& choice) {
  const Recompute rest = choice.selective ? Recompute::selective : Recompute::none;
  if (choice.whole == 0) return rest;
  if (choice.whole == choice.blocks) return Recompute::full;
  std::vector<RecomputeRange> ranges = {{0, choice.whole - 1, BlockParts(Recompute::full)}};
  if (choice.selective)
    ranges.push_back({choice.whole, choice.blocks - 1, BlockParts(Recompute::selective)});
  return RecomputePlan(std::move(ranges));
}

std::string to_string(const RecomputeChoice& choice) {
  if (choice.whole == choice.blocks) return "full";
  if (choice.whole == 0) return choice.selective ? "selective" : "none";
  return fmt::format("full for {} of {} blocks{}", choice.whole, choice.blocks,
                     choice.selective ? ", selective for the rest" : "");
}

std::vector<std::string> missing_parallelism(const SearchedLayout& layout) {
  const ParallelLayout& parallel = layout.parallel;
  std::vector<std::string> missing;
  if (parallel.tensor > 1) missing.emplace_back("tensor parallelism");
  if (parallel.pipeline > 1)
    missing.emplace_back(parallel.virtual_pipeline > 1 ? "interleaved pipeline parallelism"
                                                       : "pipeline parallelism");
  if (parallel.context > 1) missing.emplace_back("context parallelism");
  if (parallel.expert > 1) missing.emplace_back("expert parallelism");
  if (shards_in_groups(parallel)) missing.emplace_back("zero1 in groups of ranks");
  return missing;
}

bool trainer_runs(const SearchedLayout& layout) {
  const ParallelLayout& parallel = layout.parallel;
  return parallel.tensor * parallel.pipeline * parallel.context * parallel.expert == 1 &&
         !shards_in_groups(parallel);
}

Layout trainer_layout(const SearchedLayout& layout) {
  const ParallelLayout& parallel = layout.parallel;
  Layout result{.strategy = parallel.strategy,
                .n_replica = parallel.data,
                .n_shard = 1,
                .micro_batch_size = parallel.micro_batch,
                .grad_accum_steps = parallel.n_micro_batch,
                .recompute = recompute_plan(layout.recompute),
                .reshard_after_forward = parallel.regathers};
  const bool one_group = parallel.shard <= parallel.data && parallel.data % parallel.shard == 0;
  if (parallel.strategy != ParallelStrategy::ddp && one_group) {
    result.n_shard = parallel.shard;
    result.n_replica = parallel.data / parallel.shard;
  }
  return result;
}

std::string to_string(const SearchedLayout& layout) {
  if (trainer_runs(layout)) return to_string(trainer_layout(layout));
  const ParallelLayout& parallel = layout.parallel;
  return fmt::format("{}, {}, micro batch {} x accumulation {}, recompute {}",
                     groups_text(parallel), sharding_text(parallel), parallel.micro_batch,
                     parallel.n_micro_batch, to_string(layout.recompute));
}

}  // namespace isoflop
