// SPDX-License-Identifier: MIT
#include "planner/pilot/refinement.hpp"

#include "core/base/error.hpp"
#include "planner/candidate_builder.hpp"
#include "planner/fit/run_fit.hpp"
#include "planner/pilot/pilot_fit.hpp"

#include <fmt/format.h>

namespace isoflop {
namespace {

/// The devices of a pilot's ranks, as its job has them.
JobSize job_of(const PilotMeasurement& measured, const Partition& partition,
               const Allocation& allocation) {
  if (measured.config.device.name != partition.device.name)
    throw ConfigError(fmt::format(
        "{}: measured '{}' (the plan's partition '{}' has {}); plan again and run its pilot",
        measured.files.front().string(), measured.config.device.name, partition.name,
        partition.device.name));
  const auto n_devices = static_cast<int>(measured.layout.world_size());
  return job_sizes(partition, allocation, n_devices).front();
}

StepTime predict(const PilotMeasurement& measured, const Plan& before, const PlanRequest& request,
                 const CalibrationSection& constants) {
  const Partition& partition = *before.choice.partition;
  const JobSize job = job_of(measured, partition, request.cluster.allocation);
  const JobContext context = make_job_context(request, partition, job, constants.values());
  const ModelShape& shape = measured.config.model;
  return with_optimizer(
      predict_step_time(shape, measured.layout, measured.config.data.seq_len, context.machine),
      shape, measured.layout, context);
}

std::vector<MeasuredRun> runs_of(std::span<const PilotComparison> comparisons, const Plan& before,
                                 const PlanRequest& request) {
  const Partition& partition = *before.choice.partition;
  std::vector<MeasuredRun> runs;
  for (const auto& [measured, predicted, memory] : comparisons)
    runs.push_back({.name = measured.files.front().string(),
                    .shape = measured.config.model,
                    .layout = measured.layout,
                    .seq_len = measured.config.data.seq_len,
                    .precision = measured.config.precision,
                    .partition = partition,
                    .job = job_of(measured, partition, request.cluster.allocation),
                    .n_step = measured.timed_steps,
                    .step = {measured.step_s, measured.communication_s, measured.optimizer_s}});
  return runs;
}

/// As measured, and as predicted with other constants.
std::vector<PilotPoint> points_of(std::span<const PilotComparison> comparisons, const Plan& before,
                                  const PlanRequest& request, const CalibrationSection& constants) {
  std::vector<PilotPoint> points;
  for (const PilotComparison& comparison : comparisons) {
    const PilotMeasurement& measured = comparison.measured;
    points.push_back({measured.layout, predict(measured, before, request, constants),
                      measured.step_s, measured.communication_s, measured.scatter});
  }
  return points;
}

std::string basis_of(std::span<const PilotComparison> comparisons) {
  int64_t steps = 0;
  for (const PilotComparison& comparison : comparisons) steps += comparison.measured.timed_steps;
  return fmt::format("a pilot of {} steps in {} layout{}", steps, comparisons.size(),
                     comparisons.size() == 1 ? "" : "s");
}

}  // namespace

std::vector<PilotComparison> compare_pilot(const PilotRecord& record, const Plan& before,
                                           const PlanRequest& request) {
  std::vector<PilotComparison> comparisons;
  const CalibrationSection constants = constants_for(*before.choice.partition, request);
  for (const PilotMeasurement& measured : record.measurements)
    comparisons.push_back({measured, predict(measured, before, request, constants),
                           measured.config.prediction.value().memory_gib});
  return comparisons;
}

SiteCalibration calibrate_site(std::span<const PilotComparison> comparisons, const Plan& before,
                               const PlanRequest& request) {
  SiteCalibration site;
  site.partition = before.choice.partition->name;
  site.constants = constants_for(*before.choice.partition, request);
  if (request.optimizer != OptimizerKind::muon)
    site.constants = fit_to_runs(runs_of(comparisons, before, request), site.constants).section;
  const PilotFit fit = fit_pilot(points_of(comparisons, before, request, site.constants));
  site.speed = fit.speed;
  const std::string basis = basis_of(comparisons);
  const double margin = constant_of(site.constants, "prediction_margin").value.otherwise;
  set_constant(site.constants, "step_time_spread", fit.spread, basis);
  set_constant(site.constants, "prediction_margin", margin_for(fit.spread, margin), basis);
  return site;
}

PlanRequest refined_request(const PlanRequest& request, const Plan& before,
                            const SiteCalibration& site, Keep keep) {
  PlanRequest refined = request;
  refined.site = site;
  refined.partition = site.partition;
  if (keep == Keep::nothing) return refined;
  Goals& goals = refined.goals;
  goals.model = before.choice.shape;
  goals.n_params.reset();
  goals.max_params.reset();
  if (goals.tokens) goals.compute.reset();
  return refined;
}

}  // namespace isoflop
