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
  };
  Cause cause = Cause::time;
  const Partition* partition = nullptr;
  JobSize job;
  Budget budget;
  ModelShape shape;                        ///< memory only
  std::optional<LayoutCandidate> nearest;  ///< memory only
  MemoryCapacity capacity;
};

/// The best use of one part of a partition, or why there is none.
using JobOutcome = std::variant<Candidate, Shortfall>;
JobOutcome plan_job(const PlanRequest& request, const Partition& partition, const JobSize& job,
                    const Calibration& calibration);

/// The least predicted loss when all candidates have one, else the most compute; the first of
/// equals. `candidates` must not be empty.
const Candidate& best_of_jobs(const std::vector<Candidate>& candidates);

}  // namespace isoflop
