// SPDX-License-Identifier: MIT
#pragma once

#include "planner/plan.hpp"

#include <optional>
#include <vector>

namespace isoflop {

/// The precision trained in: as asked for, else the narrowest of bf16 and fp16 that a GPU has, and
/// fp32 on CPUs. Throws ConfigError when the device lacks the one asked for.
Precision choose_precision(const DeviceSpec& device, std::optional<Precision> asked);

/// Tokens of a sequence: as asked for, else 2,048 on GPUs (what the runs behind Hoffmann's and
/// Besiroglu's laws used) and 256 on CPUs.
int64_t choose_seq_len(const DeviceSpec& device, std::optional<int64_t> asked);

/// Why a part of a partition has no candidate.
struct Shortfall {
  enum class Cause {
    time,    ///< not enough for a few steps of the smallest model
    batch,   ///< more ranks than the batch has sequences
    memory,  ///< `nearest` is what needs least
    aim,     ///< the tokens, compute or loss wanted take `needed_s`
    shape,   ///< no shape has the parameters wanted
  };
  Cause cause = Cause::time;
  const Partition* partition = nullptr;
  JobSize job;
  Budget budget;
  ModelShape shape;                        ///< memory, aim
  std::optional<LayoutCandidate> nearest;  ///< memory only
  MemoryCapacity capacity;
  std::optional<double> needed_s;  ///< aim only; absent: no time is enough
};

/// The designs of one part of a partition, in the order they were tried; without any, why.
struct JobOutcome {
  std::vector<Candidate> candidates;
  std::optional<Shortfall> shortfall;
};
JobOutcome plan_job(const PlanRequest& request, const Partition& partition, const JobSize& job,
                    const Calibration& calibration);

/// The best by the objective. Without losses to compare, designs near kTokensPerParamRule with the
/// most compute. `candidates` must not be empty.
const Candidate& best_candidate(const std::vector<Candidate>& candidates, Objective objective);

/// The best of a partition's, or all partitions', job sizes: the least predicted loss where designs
/// have one, else the most compute.
const Candidate& best_of_jobs(const std::vector<Candidate>& candidates, Objective objective);

/// Fills in `loss`: what is printed, with its interval and warnings.
void predict_loss_of(Candidate& candidate, const PlanRequest& request);

}  // namespace isoflop
