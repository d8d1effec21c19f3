// SPDX-License-Identifier: MIT
#pragma once

#include "core/hardware/cluster.hpp"
#include "core/scaling/prediction.hpp"
#include "planner/allocation.hpp"
#include "planner/budget.hpp"
#include "planner/layout_search.hpp"

#include <cstdint>
#include <optional>
#include <variant>

namespace isoflop {

/// The loss that the law predicts, or why it predicts none.
using LossOutlook = std::variant<LossPrediction, NoPrediction>;

/// Validation during training: when, on how much, at what cost.
struct EvalPlan {
  int64_t interval = 0;   ///< steps
  int64_t sequences = 0;  ///< of each evaluation
  int64_t evaluations = 0;
  double seconds = 0;  ///< of all evaluations
};

/// What the tokens of a training are worth.
struct TokenCount {
  int64_t read = 0;           ///< D
  double epochs = 1;          ///< D over the tokens there are; 1 where that is unknown
  double batch_worth = 1;     ///< of a token, at this batch
  double effective = 0;       ///< what the law sees: repetition and batch discounted
  double critical_batch = 0;  ///< tokens
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
  TokenCount tokens;
  /// What designs are compared by: the law's loss, also beyond the range in which it is printed;
  /// absent where the law does not apply.
  std::optional<double> surface_loss;
  LossOutlook loss = NoPrediction{};  ///< only of designs that are shown

  double n_tokens() const { return static_cast<double>(tokens.read); }
  double tokens_per_param() const { return n_tokens() / n_params; }
  /// Training FLOPs as scaling laws count them: 6 N D.
  double compute() const { return 6 * n_params * n_tokens(); }
  double steps_s() const { return static_cast<double>(steps) * layout.step_time.total(); }

  /// Whether it will rather reach its end than not; runs that are restarted do.
  bool likely_to_finish() const {
    return budget.rules.checkpoint_s.has_value() || budget.split.survival >= 0.5;
  }
  double device_hours() const { return budget.device_hours(job); }
  /// Absent without a price.
  std::optional<double> cost() const;
  /// Of the devices at their power limit, without hosts and cooling; absent without one.
  std::optional<double> energy_kwh() const;
};

}  // namespace isoflop
