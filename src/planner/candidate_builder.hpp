// SPDX-License-Identifier: MIT
#pragma once

#include "planner/plan.hpp"

#include <cstdint>
#include <optional>
#include <variant>

namespace isoflop {

/// What all candidates of one job share.
struct JobContext {
  const PlanRequest& request;
  const Partition& partition;
  JobSize job;
  Budget budget;
  MachineModel machine;
  MemoryCapacity capacity;
  int64_t seq_len = 0;
  bool law_applies = false;
};

/// Machine and memory are of the precision that choose_precision names; corrected where a pilot ran
/// on the partition.
JobContext make_job_context(const PlanRequest& request, const Partition& partition,
                            const JobSize& job, const Calibration& calibration);

/// predict_step_time with what Muon takes where that is asked for.
StepTime with_optimizer(const StepTime& step, const ModelShape& shape, const Layout& layout,
                        const JobContext& context);

/// Why a model and a layout give no training.
struct Miss {
  enum class Cause {
    time,   ///< fewer steps fit than make a training
    batch,  ///< above kLargestBatch critical batches of so few tokens
    aim,    ///< what is wanted takes longer
  };
  Cause cause = Cause::time;
  std::optional<double> needed_s;  ///< aim only; absent: more than kMostHours
};

/// Trains as many steps as fit into the time, or as the goals want, and says what they are worth.
std::variant<Candidate, Miss> build_candidate(const JobContext& context, const ModelShape& shape,
                                              const LayoutCandidate& layout);

/// The same model and layout when only `fraction` of the time is used; absent when that is no
/// training.
std::optional<Candidate> with_less_time(const Candidate& candidate, const PlanRequest& request,
                                        double fraction);

/// What `n_tokens` read in batches of `batch` tokens by a model of `n_params` are worth.
TokenCount count_tokens(const PlanRequest& request, double n_params, double batch, double n_tokens);

/// What `counted` parameters, as the law counts them, are worth: fewer where tokens are repeated
/// and there are more parameters than the unique tokens need.
double worth_of_params(const PlanRequest& request, double counted, const TokenCount& tokens);

/// Fewer steps than this are no training.
inline constexpr int64_t kFewestSteps = 20;

}  // namespace isoflop
