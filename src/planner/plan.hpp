// SPDX-License-Identifier: MIT
#pragma once

#include "core/hardware/cluster.hpp"
#include "core/plan/train_config.hpp"
#include "core/scaling/prediction.hpp"
#include "core/scaling/repeated_data.hpp"
#include "core/scaling/scaling_law.hpp"
#include "planner/candidate.hpp"
#include "planner/designs.hpp"
#include "planner/goals.hpp"
#include "planner/layout_review.hpp"
#include "planner/pilot/intervals.hpp"
#include "planner/pilot/site_calibration.hpp"
#include "planner/published_models.hpp"
#include "planner/training_text.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace isoflop {

/// What the user wants planned.
struct PlanRequest {
  Cluster cluster;
  Goals goals;
  std::string name;  ///< of the run
  TrainingText text;
  ScalingLaw law;
  std::optional<RepeatedData> repeated_data;
  std::optional<std::string> partition;
  std::optional<int> n_devices;
  std::optional<Precision> precision;
  std::optional<int64_t> seq_len;
  OptimizerKind optimizer = OptimizerKind::adamw;
  std::optional<AttentionBackend> attention;
  /// Plan what this version of the trainer cannot run too: fp8, other kinds of parallelism.
  bool what_if = false;
  std::optional<CalibrationFile> constants;  ///< instead of data/calibration.yaml
  std::optional<SiteCalibration> site;       ///< what a pilot measured on one of the partitions

  /// Absent (nullptr) for partitions that no pilot ran on.
  const SiteCalibration* site_of(const Partition& on) const {
    return site && site->partition == on.name ? &*site : nullptr;
  }
};

/// The best candidate and everything that is written down about it.
struct Plan {
  Candidate choice;
  Objective objective = Objective::loss;
  std::vector<Candidate> others;  ///< the best of every other partition that has one
  std::vector<Design> designs;    ///< nearly as good, and saving something
  std::vector<FrontPoint> front;
  PlanIntervals intervals;  ///< of the choice
  Precision precision = Precision::fp32;
  int64_t seq_len = 0;
  double mfu_causal = 0;
  double mfu_full_square = 0;
  TrainConfig config;
  std::vector<std::string> notes;  ///< what the user should know; sentences
  /// What it takes that this version of the trainer lacks; such a plan has no job files.
  std::vector<std::string> not_runnable;
  LayoutReview layouts;  ///< of the choice's model and batch
  /// What would have been chosen if interruptions did not end runs; absent when that is the choice.
  std::optional<Candidate> too_risky;
  std::optional<PublishedModel> resembles;
  std::string limited_by;  ///< what more of would give a better model; a clause
  std::string reason;      ///< why this partition, when there are several; a sentence
};

/// Without a law that applies N is chosen for this many training tokens per parameter: about the
/// optimum of Hoffmann et al. 2022 (arXiv:2203.15556, table 3).
inline constexpr double kTokensPerParamRule = 20;

/// Searches partitions, job sizes, shapes and layouts together: each is timed, which gives the
/// tokens D that fit into the time, hence the loss L(N, D); the best by the objective wins. Where
/// the law does not apply, N is the one whose D / N is nearest 20 and the most compute wins. Throws
/// NothingFitsError naming what is too large and what would help.
Plan make_plan(const PlanRequest& request);

/// The plan of one candidate, compared with no others.
Plan plan_of(const Candidate& choice, const PlanRequest& request);

/// The constants that hold on a partition: a pilot's where one ran, else the request's, else those
/// of data/calibration.yaml.
CalibrationSection constants_for(const Partition& partition, const PlanRequest& request);

/// The section of plan.yaml that makes the trainer run this layout.
LayoutConfig layout_config(const Layout& layout);

}  // namespace isoflop
