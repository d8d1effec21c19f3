// SPDX-License-Identifier: MIT
#pragma once

#include "core/hardware/cluster.hpp"
#include "planner/allocation.hpp"
#include "planner/calibration.hpp"

#include <string>

namespace isoflop {

/// Where the hours go. One job: this version writes no checkpoints, so a plan cannot outlive a job.
struct Budget {
  double asked_s = 0;
  double wall_s = 0;       ///< what the job asks Slurm for; whole seconds, minutes at a limit
  std::string cut_reason;  ///< why wall_s is below asked_s; empty when it is not
  double startup_s = 0;    ///< launch, reading the index, first allocations
  double margin_s = 0;     ///< kept back in case steps are slower than predicted
  double train_s = 0;      ///< steps and evaluations; not positive when the time is too short

  double device_hours(const JobSize& job) const { return wall_s * job.devices() / 3600; }
};

/// Never exceeds the hours asked for, the partition's time limit or the allocation's GPU hours.
Budget make_budget(double hours, const Partition& partition, const Allocation& allocation,
                   const JobSize& job, const Calibration& calibration);

}  // namespace isoflop
