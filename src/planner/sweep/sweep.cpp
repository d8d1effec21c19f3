// SPDX-License-Identifier: MIT
#include "planner/sweep/sweep.hpp"

#include "core/base/error.hpp"
#include "core/base/format.hpp"
#include "planner/candidate_search.hpp"
#include "planner/sweep/sweep_vary.hpp"
#include "planner/trainer_limits.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <numeric>

namespace isoflop {
namespace {

namespace fs = std::filesystem;

/// What a partition's device hours buy.
struct Purchase {
  const Partition* partition = nullptr;
  double top_compute = 0;
  bool law_applies = false;
  std::vector<PricedPoint> points;
  std::string limited_by;
};

double hours_of(const std::vector<PricedPoint>& points, int n_seeds) {
  double hours = 0;
  for (const PricedPoint& priced : points) hours += n_seeds * priced.candidate.device_hours();
  return hours;
}

/// Between the bounds of a bisection in ln C.
constexpr double kAboutEqual = 0.005;
/// Less than any training takes.
constexpr double kLeastCompute = 1e9;

/// The largest top budget whose runs take at most the device hours.
std::optional<Purchase> buy(SweepPricer& pricer, const SweepRequest& request) {
  std::optional<Purchase> best;
  std::string too_large;
  double high = std::log(pricer.most_compute());
  double low = std::log(kLeastCompute);
  while (high - low > kAboutEqual) {
    const double middle = (low + high) / 2;
    auto priced = pricer.price(std::exp(middle));
    if (const auto* const misfit = std::get_if<Misfit>(&priced)) {
      const bool small = misfit->cause == Misfit::Cause::too_small;
      (small ? low : high) = middle;
      if (!small) too_large = misfit->why;
      continue;
    }
    auto& points = std::get<std::vector<PricedPoint>>(priced);
    if (hours_of(points, request.spec.n_seeds) > request.device_hours) {
      high = middle;
      too_large.clear();
      continue;
    }
    low = middle;
    best = Purchase{nullptr, std::exp(middle), pricer.law_applies(), std::move(points), ""};
  }
  if (best) best->limited_by = too_large;
  return best;
}

/// What the smallest sweep would take, or why there is none at all.
std::string explain_no_purchase(SweepPricer& pricer, const SweepRequest& request) {
  std::string why = "nothing was tried";
  constexpr double kMostCompute = 1e40;
  for (double compute = kLeastCompute; compute < kMostCompute; compute *= 1.05) {
    auto priced = pricer.price(compute);
    if (const auto* const misfit = std::get_if<Misfit>(&priced)) {
      why = misfit->why;
      if (misfit->cause == Misfit::Cause::too_large) break;
      continue;
    }
    const double hours = hours_of(std::get<std::vector<PricedPoint>>(priced), request.spec.n_seeds);
    return fmt::format(
        "--gpu-hours is {:g} (the smallest such sweep takes about {:.3g}); give more, or fewer "
        "--budgets, --sizes or --seeds",
        request.device_hours, hours);
  }
  return fmt::format(
      "no such sweep fits: {}; other --gpu-hours, --run-hours, or fewer --budgets, --sizes and "
      "closer --budget-factor, --size-factor may",
      why);
}

/// What the trainer lacks there, whatever the size.
std::vector<std::string> lacking(const Partition& partition, const SweepRequest& request) {
  const DeviceSpec& device = partition.device;
  const Precision precision = choose_precision(device, request.plan.precision);
  ModelShape shape = request.model.value_or(request.family.value_or(ModelShape{}));
  if (request.plan.attention) shape.attention_backend = *request.plan.attention;
  return missing_kernels(device, precision, shape);
}

Purchase best_purchase(const SweepRequest& request) {
  std::optional<Purchase> best;
  std::string why;
  for (const Partition* const partition :
       candidate_partitions(request.plan.cluster, request.plan.partition)) {
    const auto lacks = lacking(*partition, request);
    if (!lacks.empty()) {
      why = fmt::format("partition '{}': this trainer cannot run there yet: needs {}",
                        partition->name, fmt::join(lacks, ", "));
      continue;
    }
    SweepPricer pricer(request, *partition);
    std::optional<Purchase> bought = buy(pricer, request);
    if (!bought) {
      why = explain_no_purchase(pricer, request);
      continue;
    }
    bought->partition = partition;
    if (!best || bought->top_compute > best->top_compute) best = std::move(bought);
  }
  if (!best) throw NothingFitsError(why);
  return std::move(*best);
}

/// "rope" of model.position_encoding=rope; what cannot stand in a file's name becomes '-'.
std::string label_of(const std::vector<std::pair<std::string, std::string>>& settings) {
  std::string label;
  for (const auto& [key, value] : settings)
    label +=
        fmt::format("{}{}-{}", label.empty() ? "" : "-", key.substr(key.rfind('.') + 1), value);
  for (char& c : label)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '.' && c != '_') c = '-';
  return label;
}

std::string run_name(const SweepRequest& request, const SweepPoint& point, int index, int seed) {
  const std::string what = request.spec.is_ablation()
                               ? label_of(point.settings)
                               : fmt::format("b{}-{}", point.budget + 1, index + 1);
  const std::string of_seed = request.spec.n_seeds > 1 ? fmt::format("-s{}", seed + 1) : "";
  return fmt::format("{}-{}{}", request.plan.name, what, of_seed);
}

SweepRun make_run(const SweepRequest& request, const PricedPoint& priced, const std::string& name,
                  int seed, const fs::path& runs_folder) {
  PlanRequest of_run = request.plan;
  of_run.name = name;
  of_run.goals.tokens = priced.candidate.n_tokens();
  SweepRun run{priced.point, seed, plan_of(priced.candidate, of_run)};
  of_run.optimizer = with_settings(run.plan.config, priced.point.settings).optimizer.kind;
  if (of_run.optimizer != request.plan.optimizer) run.plan = plan_of(priced.candidate, of_run);
  if (!run.plan.not_runnable.empty())
    throw NothingFitsError(fmt::format("{}: this trainer cannot run it yet: needs {}", name,
                                       fmt::join(run.plan.not_runnable, ", ")));
  TrainConfig& config = run.plan.config;
  config = with_settings(config, priced.point.settings);
  config.run.out = runs_folder;
  config.run.seed = run_seed(seed);
  config.data.path = fs::absolute(config.data.path).lexically_normal();
  return run;
}

std::vector<SweepRun> make_runs(const SweepRequest& request, const Purchase& purchase,
                                const fs::path& runs_folder) {
  std::vector<SweepRun> runs;
  int index = 0;
  for (std::size_t i = 0; i < purchase.points.size(); ++i) {
    const PricedPoint& priced = purchase.points[i];
    const bool same = i > 0 && purchase.points[i - 1].point.budget == priced.point.budget;
    index = same ? index + 1 : 0;
    for (int seed = 0; seed < request.spec.n_seeds; ++seed)
      runs.push_back(make_run(request, priced, run_name(request, priced.point, index, seed), seed,
                              runs_folder));
  }
  return runs;
}

/// Throws ConfigError where two variants are one: a comparison of them would compare seeds.
void check_differ(const std::vector<SweepRun>& runs) {
  for (std::size_t i = 0; i < runs.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (runs[i].point.settings == runs[j].point.settings || runs[i].seed != runs[j].seed)
        continue;
      TrainConfig same = runs[j].plan.config;
      if (same.run.name == runs[i].name())
        throw ConfigError(
            fmt::format("--vary: two variants would be called {}; write their values "
                        "so that letters and digits differ",
                        same.run.name));
      same.run.name = runs[i].name();
      same.prediction = runs[i].plan.config.prediction;
      if (same == runs[i].plan.config)
        throw ConfigError(
            fmt::format("--vary: {} and {} are the same run (their values mean the "
                        "same); leave one out",
                        runs[j].name(), runs[i].name()));
    }
  }
}

int cap_of(const SweepRequest& request, const Sweep& sweep) {
  const int cap = request.max_running.value_or(static_cast<int>(sweep.runs.size()));
  return std::min(cap, request.plan.cluster.allocation.max_jobs.value_or(cap));
}

/// Whether the law says how the loss of these runs curves.
bool law_reaches(const ScalingLaw& law, const Sweep& sweep) {
  return sweep.law_applies &&
         std::all_of(sweep.runs.begin(), sweep.runs.end(), [&](const SweepRun& run) {
           return law.usable_compute_flops.contains(run.plan.choice.compute());
         });
}

std::optional<SweepPrecision> precision_of(const SweepRequest& request, const Sweep& sweep) {
  if (request.spec.is_ablation() || !sweep.law_reaches) return std::nullopt;
  if (request.spec.approach != SweepApproach::isoflop && request.spec.form != SweepForm::chinchilla)
    return std::nullopt;
  std::vector<FittedRun> runs;
  for (const SweepRun& run : sweep.runs)
    runs.push_back({run.point.budget, run.plan.choice.n_params, run.plan.choice.n_tokens()});
  return expected_precision(request.spec.approach, runs, request.plan.law, request.loss_noise);
}

void check_allocation(const SweepRequest& request) {
  const std::optional<double> allowed = request.plan.cluster.allocation.gpu_hours;
  if (allowed && *allowed < request.device_hours)
    throw ConfigError(
        fmt::format("--gpu-hours is {:g} (the cluster file's allocation has {:g}); "
                    "ask for at most that",
                    request.device_hours, *allowed));
}

}  // namespace

int64_t run_seed(int index) { return RunOptions{}.seed + index; }

Sweep design_sweep(const SweepRequest& request, const fs::path& runs_folder) {
  check_allocation(request);
  const Purchase purchase = best_purchase(request);
  Sweep sweep;
  sweep.partition = purchase.partition;
  sweep.top_compute = purchase.top_compute;
  sweep.law_applies = purchase.law_applies;
  sweep.limited_by = purchase.limited_by;
  sweep.device_hours = hours_of(purchase.points, request.spec.n_seeds);
  sweep.runs = make_runs(request, purchase, runs_folder);
  if (request.spec.is_ablation()) check_differ(sweep.runs);
  const int cap = cap_of(request, sweep);
  sweep.arrays = group_runs(sweep.runs, cap);
  sweep.one_array_at_a_time = static_cast<std::size_t>(cap) < sweep.arrays.size();
  sweep.law_reaches = law_reaches(request.plan.law, sweep);
  sweep.precision = precision_of(request, sweep);
  return sweep;
}

}  // namespace isoflop
