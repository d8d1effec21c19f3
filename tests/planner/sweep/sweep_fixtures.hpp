// SPDX-License-Identifier: MIT
#pragma once

#include "planner/planner_fixtures.hpp"
#include "planner/sweep/sweep.hpp"

namespace isoflop::test {

/// 3 budgets of 1:4:16, 5 sizes each.
inline SweepRequest sweep_request(const Cluster& cluster, double device_hours) {
  SweepRequest request;
  request.plan = request_for(cluster, kRunHours);
  request.plan.name = "sw";
  request.device_hours = device_hours;
  return request;
}

/// A run with fixed figures: scripts and groups must not change because predictions do.
inline SweepRun fixed_run(const Partition& partition, const JobSize& job, double job_s,
                          const std::string& name) {
  SweepRun run;
  Plan& plan = run.plan;
  plan.choice.partition = &partition;
  plan.choice.job = job;
  plan.choice.budget.wall_s = job_s;
  plan.choice.budget.split.job_s = job_s;
  plan.choice.budget.split.margin_s = 0.1 * job_s;
  plan.choice.budget.rules.signal_lead_s = 65;
  plan.config.run.name = name;
  plan.config.run.out = "/home/ada/sweeps/sw/runs";
  plan.config.schedule.steps = 1000;
  return run;
}

}  // namespace isoflop::test
