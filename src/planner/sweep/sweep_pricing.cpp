// SPDX-License-Identifier: MIT
#include "planner/sweep/sweep_pricing.hpp"

#include "core/base/format.hpp"
#include "core/model/param_count.hpp"
#include "core/scaling/optimum.hpp"
#include "planner/candidate_search.hpp"
#include "planner/critical_batch.hpp"
#include "planner/hyper_parameters.hpp"
#include "planner/sweep/sweep_family.hpp"
#include "planner/sweep/sweep_vary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace isoflop {
namespace {

double n_params_of(const ModelShape& shape) {
  return static_cast<double>(count_params(shape).total());
}

/// Of the points at the same compute, so that they share one batch.
double batch_of(const SweepPoint& point, const std::vector<SweepPoint>& points) {
  double fewest = point.n_tokens;
  for (const SweepPoint& other : points)
    if (other.compute == point.compute) fewest = std::min(fewest, other.n_tokens);
  return std::min(batch_tokens(point.compute), critical_batch_tokens(fewest));
}

/// The nearest power of two of sequences for each rank, at least one.
int64_t batch_sequences(double batch, int64_t seq_len, int devices) {
  const double each = batch / static_cast<double>(seq_len * devices);
  return devices * std::max<int64_t>(1, std::llround(std::exp2(std::round(std::log2(each)))));
}

Misfit too_few_steps(double steps) {
  return {Misfit::Cause::too_small, fmt::format("a run would have {:.0f} steps, {} are the fewest",
                                                steps, kFewestSweepSteps)};
}

}  // namespace

double predicted_best_params(const SweepRequest& request, bool law_applies, double compute) {
  const ScalingLaw& law = request.plan.law;
  const std::optional<double> asked = request.spec.tokens_per_param;
  if (!asked && law_applies && law.usable_compute_flops.contains(compute))
    return optimum(law, compute).n_params;
  return std::sqrt(compute / (6 * asked.value_or(kTokensPerParamRule)));
}

SweepPricer::SweepPricer(const SweepRequest& request, const Partition& partition)
    : request_(request), run_(request.plan) {
  const Calibration calibration = constants_for(partition, run_).values();
  for (const JobSize& job : job_sizes(partition, run_.cluster.allocation, run_.n_devices))
    contexts_.push_back(make_job_context(run_, partition, job, calibration));
  shapes_ = family_shapes({.device = partition.device.kind,
                           .vocab_size = run_.text.vocab_size,
                           .seq_len = contexts_.front().seq_len,
                           .min_params = 0,
                           .max_params = 1e14},
                          request.family);
  for (ModelShape& shape : shapes_)
    if (run_.attention) shape.attention_backend = *run_.attention;
}

double SweepPricer::most_compute() const {
  return contexts_.front().machine.peak_flops * request_.device_hours * 3600;
}

std::variant<std::vector<PricedPoint>, Misfit> SweepPricer::price(double top_compute) {
  const std::vector<SweepPoint> points =
      design_points(request_.spec, top_compute, [&](double compute) {
        if (request_.model) return n_params_of(*request_.model);
        return predicted_best_params(request_, law_applies(), compute);
      });
  std::vector<PricedPoint> priced;
  // The dearest first: they decide whether the budget is too large.
  for (auto point = points.rbegin(); point != points.rend(); ++point) {
    auto candidate = price_point(*point, batch_of(*point, points));
    if (auto* const misfit = std::get_if<Misfit>(&candidate)) return *misfit;
    priced.push_back({*point, std::get<Candidate>(std::move(candidate))});
  }
  std::reverse(priced.begin(), priced.end());
  return priced;
}

/// The point's own shape before settings change it.
std::variant<ModelShape, Misfit> SweepPricer::shape_of(const SweepPoint& point) const {
  if (request_.model) return *request_.model;
  const double half_way = std::sqrt(request_.spec.is_ablation() ? 2 : request_.spec.size_factor);
  if (const ModelShape* const shape = nearest_shape(shapes_, point.n_params, half_way))
    return *shape;
  const bool small =
      point.n_params < n_params_of(shapes_.front()) || n_params_of(shapes_.back()) > point.n_params;
  return Misfit{
      small ? Misfit::Cause::too_small : Misfit::Cause::too_large,
      fmt::format("no model of the family has about {} parameters", format_count(point.n_params))};
}

std::variant<Candidate, Misfit> SweepPricer::price_point(const SweepPoint& point, double batch) {
  auto found = shape_of(point);
  if (auto* const misfit = std::get_if<Misfit>(&found)) return *misfit;
  const ModelShape base = std::get<ModelShape>(std::move(found));
  const double n_tokens =
      point.fixed_tokens ? point.n_tokens : point.compute / (6 * n_params_of(base));
  auto priced = price_shape(base, n_tokens, batch);
  auto* const candidate = std::get_if<Candidate>(&priced);
  if (candidate == nullptr || point.settings.empty()) return priced;
  const TrainConfig varied = with_settings(plan_of(*candidate, run_).config, point.settings);
  const OptimizerKind usual = std::exchange(run_.optimizer, varied.optimizer.kind);
  priced = price_shape(varied.model, n_tokens, batch);
  run_.optimizer = usual;
  return priced;
}

std::variant<Candidate, Misfit> SweepPricer::price_shape(const ModelShape& shape, double n_tokens,
                                                         double batch) {
  std::string why = "no job is large enough";
  for (const JobContext& context : contexts_) {
    auto tried = try_job(context, shape, n_tokens, batch);
    if (auto* const candidate = std::get_if<Candidate>(&tried)) return std::move(*candidate);
    if (const auto* const miss = std::get_if<Miss>(&tried)) {
      // The batch of even the smallest job is far above the critical one: only more tokens help.
      if (miss->cause == Miss::Cause::batch) break;
      why = fmt::format("a model of {} on {} tokens takes more than {:g} h on {} devices",
                        format_count(n_params_of(shape)), format_count(n_tokens), *run_.goals.hours,
                        context.job.devices());
      continue;
    }
    const Misfit& misfit = std::get<Misfit>(tried);
    if (misfit.cause == Misfit::Cause::too_small) return misfit;
    why = misfit.why;
  }
  return Misfit{Misfit::Cause::too_large, why};
}

std::variant<Candidate, Miss, Misfit> SweepPricer::try_job(const JobContext& context,
                                                           const ModelShape& shape, double n_tokens,
                                                           double batch) {
  const double least_s =
      6 * n_params_of(shape) * n_tokens / (context.machine.peak_flops * context.job.devices());
  if (least_s > context.budget.wall_s) return Miss{Miss::Cause::aim, least_s};
  const bool smallest = &context == &contexts_.front();
  const int64_t sequences = batch_sequences(batch, context.seq_len, context.job.devices());
  const auto step_tokens = static_cast<double>(sequences * context.seq_len);
  if (!smallest && step_tokens > kBatchTolerance * batch) return Miss{Miss::Cause::batch, {}};
  const double steps = std::round(n_tokens / step_tokens);
  if (steps < static_cast<double>(kFewestSweepSteps)) return too_few_steps(steps);
  const LayoutRequest layouts{context.seq_len, step_tokens, run_.optimizer};
  MemoryModel memory = memory_model(shape, layouts, context.machine);
  const LayoutChoice choice = find_layout(memory, layouts, context.machine, context.capacity);
  if (!choice.best)
    return Misfit{Misfit::Cause::too_large,
                  fmt::format("a model of {} does not fit into the memory of {} devices",
                              format_count(n_params_of(shape)), context.job.devices())};
  run_.goals.tokens = steps * step_tokens;
  auto built = build_candidate(context, shape, *choice.best);
  if (const auto* const miss = std::get_if<Miss>(&built)) {
    if (miss->cause == Miss::Cause::time && context.budget.split.train_s > 0)
      return Miss{Miss::Cause::aim, {}};
    return *miss;
  }
  return std::get<Candidate>(std::move(built));
}

}  // namespace isoflop
