// SPDX-License-Identifier: MIT
#include "planner/what_if/what_if_search.hpp"

#include "core/model/parameter_list.hpp"

#include <algorithm>
#include <cmath>

namespace isoflop {

namespace {

/// Micro batches of a step that bring the batch nearest to `sequences`, a multiple of `round`;
/// absent where that is not near.
std::optional<int64_t> micro_batches(double sequences, int64_t per_micro_step, int64_t round) {
  const double wanted = sequences / static_cast<double>(per_micro_step);
  const double unit = static_cast<double>(round);
  const double rounded = unit * std::max(1.0, std::round(wanted / unit));
  if (rounded > kBatchTolerance * wanted || wanted > kBatchTolerance * rounded) return std::nullopt;
  return static_cast<int64_t>(rounded);
}

std::vector<int64_t> chunk_counts(int64_t blocks, int64_t pipeline) {
  std::vector<int64_t> counts = {1};
  if (pipeline == 1) return counts;
  if (blocks % 2 == 0) counts.push_back(2);
  if (blocks > 2) counts.push_back(blocks);
  return counts;
}

/// None, an eighth, a quarter, half, all.
std::vector<RecomputeChoice> few_recompute_choices(int64_t blocks) {
  std::vector<RecomputeChoice> choices = {{0, blocks, false}};
  for (const int64_t part : {8, 4, 2, 1}) {
    const int64_t whole = (blocks + part - 1) / part;
    if (whole > choices.back().whole) choices.push_back({whole, blocks, false});
  }
  return choices;
}

std::vector<ParallelStrategy> few_strategies(const Split& split, int64_t chunks) {
  if (split.state_ranks() == 1) return {ParallelStrategy::ddp};
  std::vector<ParallelStrategy> strategies = {ParallelStrategy::ddp, ParallelStrategy::zero1};
  if (chunks > 1) strategies.push_back(ParallelStrategy::zero2);
  if (split.pipeline == 1) strategies.push_back(ParallelStrategy::fsdp);
  return strategies;
}

/// Visits the layouts of one split.
class UsualLayouts {
 public:
  UsualLayouts(const LayoutJob& job, double sequences,
               const std::function<void(const SearchedLayout&)>& visit)
      : job_(job), sequences_(sequences), visit_(visit) {}

  void visit(const Split& split) {
    ParallelLayout& parallel = layout_.parallel;
    parallel = {.data = split.data,
                .tensor = split.tensor,
                .pipeline = split.pipeline,
                .context = split.context,
                .expert = split.expert,
                .sequence_parallel = split.tensor > 1};
    const int64_t blocks = blocks_of_stage(job_, split);
    for (int64_t micro = 1; static_cast<double>(micro * split.data) <= kBatchTolerance * sequences_;
         micro *= 2) {
      for (const int64_t chunks : chunk_counts(blocks, split.pipeline)) {
        const std::optional<int64_t> steps =
            micro_batches(sequences_, micro * split.data, chunks > 1 ? split.pipeline : 1);
        if (!steps) continue;
        parallel.micro_batch = micro;
        parallel.n_micro_batch = *steps;
        parallel.virtual_pipeline = chunks;
        visit_states(split, blocks / chunks);
      }
    }
  }

 private:
  void visit_states(const Split& split, int64_t blocks) {
    for (const RecomputeChoice& recompute : few_recompute_choices(blocks)) {
      layout_.recompute = recompute;
      layout_.parallel.recompute = recompute_share(recompute, job_.selective);
      for (const ParallelStrategy strategy :
           few_strategies(split, layout_.parallel.virtual_pipeline)) {
        layout_.parallel.strategy = strategy;
        layout_.parallel.shard = strategy == ParallelStrategy::ddp ? 1 : split.state_ranks();
        visit_(layout_);
      }
    }
  }

  const LayoutJob& job_;
  double sequences_;
  const std::function<void(const SearchedLayout&)>& visit_;
  SearchedLayout layout_;
};

bool is_tried(const LayoutJob& job, const Split& split) {
  const bool trainers = split.tensor * split.pipeline * split.context * split.expert == 1;
  if (trainers && job.ours) return false;
  if (split.context > 1 && job.seq_len / split.context < kFewestContextTokens) return false;
  if (job.seq_len / split.context % split.tensor != 0) return false;
  return !broken_rule(job, split);
}

bool is_nearer(const LayoutCandidate& a, const std::optional<LayoutCandidate>& b) {
  return !b || a.memory.total() < b->memory.total();
}

}  // namespace

void for_each_usual_layout(const ModelShape& shape, const LayoutRequest& request,
                           const MachineModel& machine,
                           const std::function<void(const SearchedLayout&)>& visit) {
  const LayoutJob job{.shape = shape,
                      .n_devices = machine.n_devices,
                      .fast_domain = machine.fast_domain,
                      .seq_len = request.seq_len,
                      .global_batch = 0,  // of any size: its rule holds for none
                      .what_if = true,
                      .ours = trainer_runs_model(shape)};
  UsualLayouts layouts(job, request.batch_tokens / static_cast<double>(request.seq_len), visit);
  for (const Split& split : all_splits(job))
    if (is_tried(job, split)) layouts.visit(split);
}

bool trainer_runs_model(const ModelShape& shape) { return untrainable_part(shape).empty(); }

bool prices_what_if(const LayoutRequest& request, const MachineModel& machine) {
  return machine.is_gpu && request.optimizer == OptimizerKind::adamw;
}

LayoutCandidate as_candidate(const PricedLayout& priced) {
  return {trainer_layout(priced.layout), priced.step_time, priced.memory, priced.layout};
}

LayoutChoice find_what_if_layout(MemoryModel& memory, const LayoutRequest& request,
                                 const MachineModel& machine, const MemoryCapacity& capacity) {
  const bool ours = trainer_runs_model(memory.shape());
  LayoutChoice choice;
  if (ours) choice = find_layout(memory, request, machine, capacity);
  if (!prices_what_if(request, machine)) return choice;
  LayoutPricer pricer(memory.shape(), request.seq_len, machine, machine.precision, ours);
  for_each_usual_layout(memory.shape(), request, machine, [&](const SearchedLayout& layout) {
    const PricedLayout priced = pricer.price(layout);
    const bool fits = static_cast<double>(priced.memory.total()) <= capacity.usable_bytes();
    std::optional<LayoutCandidate>& slot = fits ? choice.best : choice.nearest;
    if (!fits && choice.best) return;
    LayoutCandidate candidate = as_candidate(priced);
    const bool better =
        fits ? !slot || is_better(candidate, *slot, request) : is_nearer(candidate, slot);
    if (better) slot = std::move(candidate);
  });
  return choice;
}

}  // namespace isoflop
