// SPDX-License-Identifier: MIT
#pragma once

#include "core/model/model_shape.hpp"
#include "planner/what_if/layout_filter.hpp"
#include "planner/what_if/searched_layout.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace isoflop {

/// What is to be laid out.
struct LayoutJob {
  const ModelShape& shape;
  int64_t n_devices = 1;
  int64_t fast_domain = 1;  ///< devices joined at NVLink's speed, which tensor groups stay in
  int64_t seq_len = 0;
  int64_t global_batch = 0;  ///< sequences
  /// tensor, context, pipeline and expert groups too; else only what the trainer runs.
  bool what_if = false;
  /// Whether our trainer is the program, so that layouts which it runs are recomputed as it does.
  bool ours = true;
  /// What selective recomputation is elsewhere.
  SelectiveRule selective = SelectiveRule::attention;
  LayoutFilter only = {};
};

/// One way to split devices into groups: tensor x context x pipeline x data, and of data x context
/// ranks those that share a layer's experts.
struct Split {
  int64_t tensor = 1;
  int64_t context = 1;
  int64_t pipeline = 1;
  int64_t data = 1;
  int64_t expert = 1;

  int64_t state_ranks() const { return data * context; }
  bool operator==(const Split&) const = default;
};

/// "tensor 8 x context 1 x pipeline 16 x data 8", with experts where there are several.
std::string to_string(const Split& split);

/// Every split of the devices that job.only allows, tensor slowest, then context, pipeline,
/// experts; without what_if the one that is all data. Of n = p1^a1 p2^a2 ... devices and a dense
/// model there are C(a1 + 3, 3) C(a2 + 3, 3) ...
std::vector<Split> all_splits(const LayoutJob& job);

/// A rule that a split breaks.
enum class SplitRule {
  tensor_domain,  ///< tensor groups stay inside the NVLink domain
  heads,          ///< heads divide among tensor ranks
  kv_heads,       ///< so do heads of keys and values, but for latent attention
  ffn,            ///< and hidden units, of shared and dense FFNs and of experts
  stages,         ///< blocks divide into stages, with or without the ends counted as a block each
  sequence,  ///< each context rank has two equal pieces of a sequence (arXiv:2407.21783, 3.3.2)
  batch,     ///< the global batch divides among data ranks
  experts,   ///< experts divide among the ranks of an expert group
};
std::optional<SplitRule> broken_rule(const LayoutJob& job, const Split& split);

/// "tensor group of 16 exceeds the NVLink domain of 8".
std::string describe_broken(SplitRule rule, const LayoutJob& job, const Split& split);

/// Blocks of a stage: of a pipeline whose ends count as a block, with those.
int64_t blocks_of_stage(const LayoutJob& job, const Split& split);

/// Calls `visit` with every layout of a split that breaks no rule, as far as job.only allows:
/// - chunks: every divisor of a stage's blocks, when there are stages; more than one only where
///   micro batches are a multiple of the stages (Megatron-LM's interleaved schedule);
/// - micro batches: every divisor of a data rank's part of the batch;
/// - recomputation: the first k blocks of each chunk whole, k from 0 to all, the rest not or
///   selectively;
/// - states: ddp, zero1 over every group size that divides the data x context ranks, zero2 over all
///   without a pipeline and with chunks (reduces_by_chunks); without a pipeline fsdp over all and
///   hsdp over every group size, with and without gathering again for backward (with one nobody
///   gathers for each micro batch);
/// - sequence parallelism on and off in tensor groups.
/// Without what_if no zero1 over groups, which the trainer lacks.
void for_each_layout(const LayoutJob& job, const Split& split,
                     const std::function<void(const SearchedLayout&)>& visit);

/// How many that are, without visiting them, and how many more interleaving would be if it took any
/// number of micro batches.
struct LayoutCount {
  int64_t layouts = 0;
  int64_t without_full_rounds = 0;
};
LayoutCount count_layouts(const LayoutJob& job, const Split& split);

}  // namespace isoflop
