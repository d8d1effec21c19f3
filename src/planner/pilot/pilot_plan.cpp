// SPDX-License-Identifier: MIT
#include "planner/pilot/pilot_plan.hpp"

#include "core/base/format.hpp"
#include "planner/candidate_builder.hpp"
#include "planner/hyper_parameters.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace isoflop {
namespace {

/// Of the job's time, which Slurm counts in minutes.
constexpr double kMinute_s = 60;
/// Ending one run and starting the next, besides start-up.
constexpr double kBetweenRuns_s = 2;

/// What the contenders of one plan share.
struct PilotContext {
  const Plan& plan;
  const PlanRequest& request;
  JobContext job;
  double slower = 1;  ///< the upper end of step times over what is predicted

  double startup_s() const { return job.budget.rules.startup_s; }
  StepTime predict(const Layout& layout) const {
    const ModelShape& shape = plan.choice.shape;
    return with_optimizer(predict_step_time(shape, layout, plan.seq_len, job.machine), shape,
                          layout, job);
  }
  double seconds_per_sequence(const LayoutCandidate& layout) const {
    return layout.step_time.total() / static_cast<double>(layout.layout.global_batch_size());
  }
  /// As the layout search prefers them: faster ones, of about equal ones those with fewer micro
  /// steps.
  std::pair<int64_t, int64_t> rank_of(const LayoutCandidate& layout) const {
    constexpr double kAboutEqual = 0.005;
    return {std::llround(std::log(seconds_per_sequence(layout)) / kAboutEqual),
            layout.layout.grad_accum_steps};
  }
};

/// All layouts predicted nearly as fast as the plan's that fit into memory, the fastest first,
/// after the plan's own.
std::vector<LayoutCandidate> contenders(const PilotContext& context) {
  const LayoutCandidate& own = context.plan.choice.layout;
  const LayoutRequest request{context.plan.seq_len,
                              static_cast<double>(own.tokens_per_step(context.plan.seq_len)),
                              context.request.optimizer};
  const double slowest = (1 + kPilotContest) * context.seconds_per_sequence(own);
  std::vector<LayoutCandidate> others;
  MemoryModel memory = memory_model(context.plan.choice.shape, request, context.job.machine);
  for (const Layout& layout : candidate_layouts(request, context.job.machine.n_devices,
                                                context.job.machine.ranks_per_node)) {
    LayoutCandidate candidate{layout, context.predict(layout), {}};
    if (layout_kind(layout) == layout_kind(own.layout)) continue;
    if (context.seconds_per_sequence(candidate) > slowest) continue;
    candidate.memory = memory.estimate(layout);
    if (static_cast<double>(candidate.memory.total()) > context.job.capacity.usable_bytes())
      continue;
    others.push_back(std::move(candidate));
  }
  std::stable_sort(others.begin(), others.end(), [&](const auto& a, const auto& b) {
    return context.rank_of(a) < context.rank_of(b);
  });
  if (others.size() >= kMostPilotLayouts) others.resize(kMostPilotLayouts - 1);
  others.insert(others.begin(), own);
  return others;
}

/// Fewer micro steps where fewer than kFewestTimedSteps of the plan's would fit into `seconds`.
LayoutCandidate shortened_to(const LayoutCandidate& layout, double seconds,
                             const PilotContext& context) {
  LayoutCandidate shorter = layout;
  constexpr auto kSteps = static_cast<double>(kPilotWarmUpSteps + kFewestTimedSteps);
  while (shorter.layout.grad_accum_steps > 1 &&
         kSteps * shorter.step_time.total() * context.slower > seconds) {
    shorter.layout.grad_accum_steps /= 2;
    shorter.step_time = context.predict(shorter.layout);
  }
  return shorter;
}

/// Layouts that are timed in turn.
struct PilotTurns {
  std::size_t layouts = 1;
  int rounds = 1;

  double runs() const { return static_cast<double>(layouts) * rounds; }
};

/// Steps of one of a layout's runs that take at most `seconds`; absent when too few do.
std::optional<int64_t> pilot_steps(double step_s, double seconds, double slower, int rounds) {
  const int64_t timed =
      std::max(kPilotTimedSteps, static_cast<int64_t>(std::ceil(kPilotTimed_s / step_s)));
  const int64_t wanted = kPilotWarmUpSteps + (timed + rounds - 1) / rounds;
  const auto most = static_cast<int64_t>(seconds / (step_s * slower));
  const int64_t steps = std::min(wanted, most);
  if (steps < kPilotWarmUpSteps + kFewestTimedSteps) return std::nullopt;
  return steps;
}

TrainConfig pilot_config(const PilotContext& context, const LayoutCandidate& layout, int64_t steps,
                         const std::filesystem::path& runs, std::size_t index) {
  TrainConfig config = context.plan.config;
  config.run.name = pilot_run_name(context.request.name, index);
  config.run.out = runs;
  config.run.log_interval = std::max<int64_t>(1, steps / 5);
  config.layout = layout_config(layout.layout);
  config.schedule.steps = steps;
  config.schedule.warmup_steps = warmup_steps(steps);
  config.eval.interval = 0;
  config.checkpoint = {.interval_minutes = 0, .at_end = false, .resume = false};
  Prediction prediction;
  prediction.cluster = context.request.cluster.name;
  prediction.step_s = layout.step_time.total();
  prediction.mfu = context.plan.mfu_causal *
                   context.seconds_per_sequence(context.plan.choice.layout) /
                   context.seconds_per_sequence(layout);
  prediction.memory_gib = static_cast<double>(layout.memory.total()) / kGiB;
  prediction.wall_s = context.startup_s() + static_cast<double>(steps) * prediction.step_s;
  prediction.loss_law = "no loss prediction: a pilot";
  config.prediction = prediction;
  return config;
}

/// The runs of the first contenders, or nothing when they do not fit together.
std::vector<PilotRun> runs_of(const PilotContext& context,
                              const std::vector<LayoutCandidate>& layouts, const PilotTurns& turns,
                              const std::filesystem::path& folder) {
  const double seconds = kLongestPilot_s / turns.runs() - context.startup_s() - kBetweenRuns_s;
  std::vector<PilotRun> runs;
  for (int round = 0; round < turns.rounds; ++round) {
    for (std::size_t i = 0; i < turns.layouts; ++i) {
      const LayoutCandidate layout = shortened_to(layouts[i], seconds, context);
      const auto steps =
          pilot_steps(layout.step_time.total(), seconds, context.slower, turns.rounds);
      if (!steps) return {};
      runs.push_back({layout, pilot_config(context, layout, *steps, folder, runs.size())});
    }
  }
  return runs;
}

/// The most that could be timed first.
std::vector<PilotTurns> possible_turns(std::size_t contenders) {
  std::vector<PilotTurns> turns;
  for (const int rounds : {kPilotRounds, 1})
    for (std::size_t layouts = contenders; layouts > 1; --layouts)
      turns.push_back({layouts, rounds});
  turns.push_back({1, 1});
  return turns;
}

double seconds_of(const PilotContext& context, const std::vector<PilotRun>& runs, double slower) {
  double seconds = 0;
  for (const PilotRun& run : runs)
    seconds +=
        context.startup_s() + kBetweenRuns_s +
        static_cast<double>(run.config.schedule.steps) * run.layout.step_time.total() * slower;
  return seconds;
}

}  // namespace

std::string pilot_run_name(const std::string& name, std::size_t index) {
  return index == 0 ? name + "-pilot" : fmt::format("{}-pilot-{}", name, index + 1);
}

PilotPlan plan_pilot(const Plan& plan, const PlanRequest& request,
                     const std::filesystem::path& runs) {
  const Partition& partition = *plan.choice.partition;
  const double slower = plan.intervals.step_s.high / plan.choice.layout.step_time.total();
  const PilotContext context{plan, request,
                             make_job_context(request, partition, plan.choice.job,
                                              constants_for(partition, request).values()),
                             slower};
  const std::vector<LayoutCandidate> layouts = contenders(context);
  PilotPlan pilot;
  for (const PilotTurns& turns : possible_turns(layouts.size())) {
    pilot = {runs_of(context, layouts, turns, runs), turns.layouts, turns.rounds};
    if (!pilot.runs.empty()) break;
  }
  if (pilot.runs.empty()) return {};
  pilot.expected_s = seconds_of(context, pilot.runs, 1);
  pilot.wall_s = kMinute_s * std::ceil(seconds_of(context, pilot.runs, context.slower) / kMinute_s);
  return pilot;
}

}  // namespace isoflop
