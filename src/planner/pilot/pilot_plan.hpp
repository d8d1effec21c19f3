// SPDX-License-Identifier: MIT
#pragma once

#include "planner/plan.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace isoflop {

/// The longest pilot, start-up included.
inline constexpr double kLongestPilot_s = 900;
/// Most layouts that are measured, and how much slower than the plan's they may be predicted.
inline constexpr std::size_t kMostPilotLayouts = 3;
inline constexpr double kPilotContest = 0.05;
/// Steps that are not counted: caches, clocks and allocators settle.
inline constexpr int64_t kPilotWarmUpSteps = 3;
/// How often each is, in turn, so that changing load of the machine is no difference of layouts.
inline constexpr int kPilotRounds = 2;
/// What is timed of a layout after them: at least that many steps and seconds, where the time
/// allows.
inline constexpr int64_t kPilotTimedSteps = 30;
inline constexpr double kPilotTimed_s = 12;
/// Fewer timed steps say nothing.
inline constexpr int64_t kFewestTimedSteps = 5;

/// One start of a layout that the pilot times.
struct PilotRun {
  LayoutCandidate layout;
  TrainConfig config;
};

/// A short job on the nodes of the plan, one run after the other; without runs there is none.
struct PilotPlan {
  std::vector<PilotRun> runs;  ///< every layout once, then every layout again, ...
  std::size_t layouts = 0;
  int rounds = 0;
  double wall_s = 0;      ///< what Slurm is asked for: whole minutes
  double expected_s = 0;  ///< by prediction, start-up included
};

/// The plan's model in its own layout and in those predicted nearly as fast, kPilotRounds times in
/// turn, as many as fit, two in turn before three once; each long enough for kPilotTimedSteps, and
/// all within kLongestPilot_s by the upper end of `step_s` over the plan's step time. Accumulation
/// is shortened where a step is too long. Run files go to `runs` under the plan's name with
/// "-pilot".
PilotPlan plan_pilot(const Plan& plan, const PlanRequest& request,
                     const std::filesystem::path& runs);

/// "demo-pilot", "demo-pilot-2".
std::string pilot_run_name(const std::string& name, std::size_t index);

}  // namespace isoflop
