// SPDX-License-Identifier: MIT
#pragma once

#include "core/model/model_shape.hpp"
#include "planner/cost/parallel_layout.hpp"

namespace isoflop {

/// Widths of attention, ordinary or latent.
struct AttentionWidths {
  double query_key = 0;  ///< of one head
  double value = 0;      ///< of one head
  double qkv = 0;        ///< queries, keys and values of all heads
  double out = 0;        ///< attention's output, all heads
};
AttentionWidths attention_widths(const ModelShape& shape);

/// Weights of an FFN of hidden width d_ff.
double ffn_parameters(const ModelShape& shape, double d_ff);

/// Experts of a layer that one device holds.
double own_experts(const MoeShape& moe, const ParallelLayout& layout);

/// Part of the blocks that have experts.
double expert_share(const ModelShape& shape);

/// Matrices of a block that one device holds.
struct BlockParameters {
  double shared_by_data = 0;  ///< the same on every data rank
  double experts = 0;         ///< shared out over the ranks of an expert group
};

/// The average over blocks of which `expert_share` have experts.
BlockParameters block_parameters(const ModelShape& shape, const ParallelLayout& layout,
                                 double expert_share);

}  // namespace isoflop
