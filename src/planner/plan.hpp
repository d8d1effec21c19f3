// SPDX-License-Identifier: MIT
#pragma once

#include "core/hardware/cluster.hpp"
#include "core/plan/train_config.hpp"
#include "core/scaling/prediction.hpp"
#include "core/scaling/repeated_data.hpp"
#include "core/scaling/scaling_law.hpp"
#include "planner/allocation.hpp"
#include "planner/budget.hpp"
#include "planner/layout_search.hpp"
#include "planner/training_text.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace isoflop {

/// What the user wants planned.
struct PlanRequest {
  Cluster cluster;
  double hours = 0;
  std::string name;  ///< of the run
  TrainingText text;
  ScalingLaw law;
  std::optional<RepeatedData> repeated_data;
  std::optional<std::string> partition;
  std::optional<int> n_devices;
  std::optional<Precision> precision;
  std::optional<int64_t> seq_len;
};

/// The loss that the law predicts, or why it predicts none.
using LossOutlook = std::variant<LossPrediction, NoPrediction>;

/// Validation during training: when, on how much, at what cost.
struct EvalPlan {
  int64_t interval = 0;   ///< steps
  int64_t sequences = 0;  ///< of each evaluation
  int64_t evaluations = 0;
  double seconds = 0;  ///< of all evaluations
};

/// One way to use the time: a model and a layout on one part of a partition.
struct Candidate {
  const Partition* partition = nullptr;  ///< in the request's cluster
  JobSize job;
  Budget budget;
  ModelShape shape;
  double n_params = 0;
  LayoutCandidate layout;
  MemoryCapacity capacity;
  EvalPlan eval;
  int64_t steps = 0;
  int64_t n_tokens = 0;
  LossOutlook loss;

  double tokens_per_param() const { return static_cast<double>(n_tokens) / n_params; }
  /// Training FLOPs as scaling laws count them: 6 N D.
  double compute() const { return 6 * n_params * static_cast<double>(n_tokens); }
};

/// The best candidate and everything that is written down about it.
struct Plan {
  Candidate choice;
  std::vector<Candidate> others;  ///< the best of every other partition that has one
  Precision precision = Precision::fp32;
  int64_t seq_len = 0;
  double mfu_causal = 0;
  double mfu_full_square = 0;
  TrainConfig config;
  std::vector<std::string> notes;  ///< what the user should know; sentences
};

/// Without a law that applies N is chosen for this many training tokens per parameter: about the
/// optimum of Hoffmann et al. 2022 (arXiv:2203.15556, table 3).
inline constexpr double kTokensPerParamRule = 20;

/// Searches partitions, job sizes, shapes and layouts together: each is timed, which gives the
/// tokens D that fit into the time, hence the loss L(N, D); the least loss wins. Where the law does
/// not apply, N is the one whose D / N is nearest 20 and the most compute wins.
/// Throws NothingFitsError naming what is too large and what would help.
Plan make_plan(const PlanRequest& request);

}  // namespace isoflop
