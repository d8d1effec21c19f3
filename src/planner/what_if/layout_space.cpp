// SPDX-License-Identifier: MIT
#include "planner/what_if/layout_space.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace isoflop {

namespace {

std::vector<int64_t> divisors(int64_t n) {
  std::vector<int64_t> small;
  std::vector<int64_t> large;
  for (int64_t i = 1; i * i <= n; ++i) {
    if (n % i != 0) continue;
    small.push_back(i);
    if (i * i != n) large.push_back(n / i);
  }
  small.insert(small.end(), large.rbegin(), large.rend());
  return small;
}

/// Hidden widths that tensor groups split.
std::vector<int64_t> ffn_widths(const ModelShape& shape) {
  if (!shape.moe) return {shape.d_ff};
  const MoeShape& moe = *shape.moe;
  std::vector<int64_t> widths = {moe.d_ff_expert};
  if (moe.n_dense_layer > 0) widths.push_back(shape.d_ff);
  return widths;
}

/// The first and the last stage count the embedding and the output as a block each where blocks
/// alone do not divide (Llama 3, arXiv:2407.21783, section 3.3.2).
constexpr int64_t kEnds = 2;

bool has_stages(const LayoutJob& job, int64_t pipeline) {
  const int64_t blocks = job.shape.n_layer;
  return blocks % pipeline == 0 || (blocks + kEnds) % pipeline == 0;
}

int64_t sequence_pieces(const Split& split) { return split.context > 1 ? 2 * split.context : 1; }

/// Chunks of a stage and micro batches that go together.
struct Schedule {
  int64_t chunks = 1;
  int64_t micro_batch = 1;
  int64_t n_micro_batch = 1;
};

bool has_full_rounds(const Schedule& schedule, const Split& split) {
  return schedule.chunks == 1 || schedule.n_micro_batch % split.pipeline == 0;
}

/// All, those that interleaving cannot run too.
std::vector<Schedule> schedules(const LayoutJob& job, const Split& split) {
  const int64_t sequences = job.global_batch / split.data;
  const std::vector<int64_t> chunk_counts =
      split.pipeline > 1 ? divisors(blocks_of_stage(job, split)) : std::vector<int64_t>{1};
  std::vector<Schedule> result;
  for (const int64_t chunks : chunk_counts)
    for (const int64_t micro_batch : divisors(sequences))
      if (allows(job.only.chunks, chunks) && allows(job.only.micro_batch, micro_batch))
        result.push_back({chunks, micro_batch, sequences / micro_batch});
  return result;
}

struct Sharding {
  ParallelStrategy strategy = ParallelStrategy::ddp;
  int64_t shard = 1;
  bool regathers = true;
};

void add_gathering(std::vector<Sharding>& shardings, ParallelStrategy strategy, int64_t shard) {
  shardings.push_back({strategy, shard, true});
  shardings.push_back({strategy, shard, false});
}

std::vector<Sharding> all_shardings(const LayoutJob& job, const Split& split, int64_t chunks) {
  const int64_t ranks = split.state_ranks();
  std::vector<Sharding> result = {{}};
  if (ranks == 1) return result;
  const std::vector<int64_t> groups = divisors(ranks);
  for (const int64_t group : groups)
    if (group == ranks || (group > 1 && job.what_if))
      result.push_back({ParallelStrategy::zero1, group, true});
  if (split.pipeline == 1 || chunks > 1) result.push_back({ParallelStrategy::zero2, ranks, true});
  if (split.pipeline > 1) return result;
  for (const int64_t group : groups)
    if (group > 1 && group < ranks) add_gathering(result, ParallelStrategy::hsdp, group);
  add_gathering(result, ParallelStrategy::fsdp, ranks);
  return result;
}

std::vector<Sharding> shardings(const LayoutJob& job, const Split& split, int64_t chunks) {
  std::vector<Sharding> result = all_shardings(job, split, chunks);
  std::erase_if(result, [&](const Sharding& sharding) {
    return !allows(job.only.states, sharding.strategy);
  });
  return result;
}

/// Whether all blocks alike do what a mode says.
bool is_mode(const RecomputeChoice& choice, Recompute mode) {
  if (mode == Recompute::full) return choice.whole == choice.blocks;
  return choice.whole == 0 && choice.selective == (mode == Recompute::selective);
}

std::vector<RecomputeChoice> recompute_choices(const LayoutJob& job, int64_t blocks) {
  std::vector<RecomputeChoice> result;
  for (int64_t whole = 0; whole < blocks; ++whole)
    for (const bool selective : {false, true}) result.push_back({whole, blocks, selective});
  result.push_back({blocks, blocks, false});
  std::erase_if(result, [&](const RecomputeChoice& choice) {
    return job.only.recompute && !is_mode(choice, *job.only.recompute);
  });
  return result;
}

/// Sequence parallelism splits a context rank's tokens evenly.
std::vector<bool> sequence_parallel_choices(const LayoutJob& job, const Split& split) {
  if (split.tensor == 1) return {false};
  if (job.seq_len / split.context % split.tensor != 0) return {false};
  return {false, true};
}

/// What the trainer runs is priced as the trainer recomputes.
RecomputeShare share_of(const RecomputeChoice& choice, const LayoutJob& job, const Split& split) {
  const bool ours = job.ours && split == Split{.data = job.n_devices};
  return ours ? recompute_share(recompute_plan(choice), job.shape)
              : recompute_share(choice, job.selective);
}

std::vector<Split> every_split(const LayoutJob& job) {
  std::vector<Split> splits;
  for (const int64_t tensor : divisors(job.n_devices)) {
    for (const int64_t context : divisors(job.n_devices / tensor)) {
      for (const int64_t pipeline : divisors(job.n_devices / tensor / context)) {
        Split split{tensor, context, pipeline, job.n_devices / tensor / context / pipeline, 1};
        for (const int64_t expert :
             job.shape.moe ? divisors(split.state_ranks()) : std::vector<int64_t>{1}) {
          split.expert = expert;
          splits.push_back(split);
        }
      }
    }
  }
  return splits;
}

bool is_allowed(const LayoutFilter& only, const Split& split) {
  return allows(only.tensor, split.tensor) && allows(only.context, split.context) &&
         allows(only.pipeline, split.pipeline) && allows(only.data, split.data) &&
         allows(only.experts, split.expert);
}

}  // namespace

std::string to_string(const Split& split) {
  std::string text = fmt::format("tensor {} x context {} x pipeline {} x data {}", split.tensor,
                                 split.context, split.pipeline, split.data);
  if (split.expert > 1) text += fmt::format(", experts over {}", split.expert);
  return text;
}

std::vector<Split> all_splits(const LayoutJob& job) {
  std::vector<Split> splits =
      job.what_if ? every_split(job) : std::vector<Split>{{.data = job.n_devices}};
  std::erase_if(splits, [&](const Split& split) { return !is_allowed(job.only, split); });
  return splits;
}

std::optional<SplitRule> broken_rule(const LayoutJob& job, const Split& split) {
  const ModelShape& shape = job.shape;
  const std::vector<int64_t> widths = ffn_widths(shape);
  if (split.tensor > job.fast_domain) return SplitRule::tensor_domain;
  if (shape.n_head % split.tensor != 0) return SplitRule::heads;
  if (!shape.mla && shape.n_kv_head % split.tensor != 0) return SplitRule::kv_heads;
  if (std::any_of(widths.begin(), widths.end(),
                  [&](int64_t width) { return width % split.tensor != 0; }))
    return SplitRule::ffn;
  if (!has_stages(job, split.pipeline)) return SplitRule::stages;
  if (job.seq_len % sequence_pieces(split) != 0) return SplitRule::sequence;
  if (job.global_batch % split.data != 0) return SplitRule::batch;
  if (shape.moe && shape.moe->n_routed_expert % split.expert != 0) return SplitRule::experts;
  return std::nullopt;
}

std::string describe_broken(SplitRule rule, const LayoutJob& job, const Split& split) {
  const ModelShape& shape = job.shape;
  switch (rule) {
    case SplitRule::tensor_domain:
      return fmt::format("tensor group of {} exceeds the NVLink domain of {}", split.tensor,
                         job.fast_domain);
    case SplitRule::heads:
      return fmt::format("{} heads do not divide among {} tensor ranks", shape.n_head,
                         split.tensor);
    case SplitRule::kv_heads:
      return fmt::format("{} heads of keys and values do not divide among {} tensor ranks",
                         shape.n_kv_head, split.tensor);
    case SplitRule::ffn:
      return fmt::format("d_ff of {} does not divide among {} tensor ranks",
                         shape.moe ? shape.moe->d_ff_expert : shape.d_ff, split.tensor);
    case SplitRule::stages:
      return fmt::format("{} layers do not divide into {} stages", shape.n_layer, split.pipeline);
    case SplitRule::sequence:
      return fmt::format("{} tokens do not divide into two pieces for each of {} context ranks",
                         job.seq_len, split.context);
    case SplitRule::batch:
      return fmt::format("global batch of {} does not divide among {} data ranks", job.global_batch,
                         split.data);
    case SplitRule::experts:
      return fmt::format("{} experts do not divide among {} ranks", shape.moe->n_routed_expert,
                         split.expert);
  }
  return "";
}

int64_t blocks_of_stage(const LayoutJob& job, const Split& split) {
  const int64_t blocks = job.shape.n_layer;
  const bool even = blocks % split.pipeline == 0;
  return (even ? blocks : blocks + kEnds) / split.pipeline;
}

void for_each_layout(const LayoutJob& job, const Split& split,
                     const std::function<void(const SearchedLayout&)>& visit) {
  const std::vector<bool> sequence_parallel = sequence_parallel_choices(job, split);
  SearchedLayout layout;
  ParallelLayout& parallel = layout.parallel;
  parallel = {.data = split.data,
              .tensor = split.tensor,
              .pipeline = split.pipeline,
              .context = split.context,
              .expert = split.expert};
  for (const Schedule& schedule : schedules(job, split)) {
    if (!has_full_rounds(schedule, split)) continue;
    parallel.virtual_pipeline = schedule.chunks;
    parallel.micro_batch = schedule.micro_batch;
    parallel.n_micro_batch = schedule.n_micro_batch;
    const std::vector<Sharding> states = shardings(job, split, schedule.chunks);
    for (const RecomputeChoice& recompute :
         recompute_choices(job, blocks_of_stage(job, split) / schedule.chunks)) {
      layout.recompute = recompute;
      parallel.recompute = share_of(recompute, job, split);
      for (const Sharding& sharding : states) {
        parallel.strategy = sharding.strategy;
        parallel.shard = sharding.shard;
        parallel.regathers = sharding.regathers;
        for (const bool sequence : sequence_parallel) {
          parallel.sequence_parallel = sequence;
          visit(layout);
        }
      }
    }
  }
}

LayoutCount count_layouts(const LayoutJob& job, const Split& split) {
  const std::size_t sequence_parallel = sequence_parallel_choices(job, split).size();
  LayoutCount count;
  for (const Schedule& schedule : schedules(job, split)) {
    const auto states =
        static_cast<int64_t>(shardings(job, split, schedule.chunks).size() * sequence_parallel);
    const int64_t blocks = blocks_of_stage(job, split) / schedule.chunks;
    const auto layouts = states * static_cast<int64_t>(recompute_choices(job, blocks).size());
    (has_full_rounds(schedule, split) ? count.layouts : count.without_full_rounds) += layouts;
  }
  return count;
}

}  // namespace isoflop
