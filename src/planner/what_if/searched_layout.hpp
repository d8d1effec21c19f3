// SPDX-License-Identifier: MIT
#pragma once

#include "core/parallel/layout.hpp"
#include "planner/cost/parallel_layout.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace isoflop {

/// What backward runs again, the same in every model chunk: all of the first `whole` of its
/// `blocks`, and of the others what selective recomputation does, or nothing.
struct RecomputeChoice {
  int64_t whole = 0;
  int64_t blocks = 1;
  bool selective = false;  ///< the rest of the blocks

  bool operator==(const RecomputeChoice&) const = default;
};

/// The average over blocks, as programs other than ours do it.
RecomputeShare recompute_share(const RecomputeChoice& choice, SelectiveRule rule);

/// The same for our trainer, whose only chunk is the whole model.
RecomputePlan recompute_plan(const RecomputeChoice& choice);

/// "none", "full", "full for 3 of 12 blocks, selective for the rest".
std::string to_string(const RecomputeChoice& choice);

/// A layout of any program. parallel.recompute is what `recompute` comes to.
struct SearchedLayout {
  ParallelLayout parallel;
  RecomputeChoice recompute;
};

/// What our trainer lacks to run the layout: "tensor parallelism", ...; empty when it runs it.
std::vector<std::string> missing_parallelism(const SearchedLayout& layout);
/// Whether nothing is missing, which costs less to say.
bool trainer_runs(const SearchedLayout& layout);

/// The trainer's name for a layout that it runs. Of others what data ranks see: the same batch.
Layout trainer_layout(const SearchedLayout& layout);

/// "tensor 8 (sequence parallel) x pipeline 16 (2 chunks) x data 8, zero1 over 8, micro batch 1 x
/// accumulation 64, recompute none"; of layouts that the trainer runs as to_string(Layout) says.
std::string to_string(const SearchedLayout& layout);

}  // namespace isoflop
