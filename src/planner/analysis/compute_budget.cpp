// SPDX-License-Identifier: MIT
#include "planner/analysis/compute_budget.hpp"

#include "core/base/error.hpp"
#include "core/base/text_file.hpp"
#include "planner/candidate_search.hpp"

#include <fmt/format.h>

namespace isoflop {
namespace {

SourcedFigure read_figure(const ConfigNode& node, const std::string& key) {
  MapReader map(node);
  const SourcedFigure figure = {.value = map.required_positive(key),
                                .assumed = true,
                                .source = map.required<std::string>("source")};
  map.finish();
  return figure;
}

SourcedFigure stated(double value, const std::string& option) {
  return {.value = value, .assumed = false, .source = option};
}

SourcedFigure choose_mfu(Precision precision, const std::optional<double>& asked,
                         const BudgetDefaults& defaults) {
  if (asked) return stated(*asked, "--mfu");
  if (precision == Precision::bf16 || precision == Precision::fp16) return defaults.mfu;
  throw ConfigError(
      fmt::format("--precision {} (the MFU assumed otherwise is of 16-bit training); give --mfu",
                  to_string(precision)));
}

std::optional<SourcedFigure> choose_price(const std::string& gpu,
                                          const std::optional<double>& asked,
                                          const BudgetDefaults& defaults) {
  if (asked) return stated(*asked, "--price");
  const auto found = defaults.usd_per_gpu_hour.find(gpu);
  return found == defaults.usd_per_gpu_hour.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace

BudgetDefaults BudgetDefaults::load() {
  return read(ConfigNode::load(data_dir() / "budget_defaults.yaml"));
}

BudgetDefaults BudgetDefaults::read(const ConfigNode& root) {
  MapReader map(root);
  BudgetDefaults defaults;
  const ConfigNode mfu = map.required_node("mfu");
  defaults.mfu = read_figure(mfu, "value");
  if (defaults.mfu.value > 1) mfu.fail("above 1", "write 0.4 for 40 %");
  for (const auto& [gpu, node] : map.required_node("gpu_prices_usd_per_hour").entries())
    defaults.usd_per_gpu_hour[gpu] = read_figure(node, "price");
  map.finish();
  return defaults;
}

ComputeSource make_compute_source(const DeviceSpec& gpu, const std::string& gpu_how,
                                  const ComputeSourceOptions& options,
                                  const BudgetDefaults& defaults) {
  const Precision precision = choose_precision(gpu, options.precision);
  return {.gpu = gpu,
          .gpu_how = gpu_how,
          .precision = precision,
          .peak_tflops = gpu.require_peak_dense_tflops(precision),
          .mfu = choose_mfu(precision, options.mfu, defaults),
          .price_per_hour = choose_price(gpu.name, options.price_per_hour, defaults),
          .n_gpus = options.n_gpus};
}

ComputeCost cost_of(const ComputeSource& source, double compute_flops) {
  ComputeCost cost;
  cost.compute_flops = compute_flops;
  cost.gpu_hours = compute_flops / source.flops_per_gpu_hour();
  if (source.n_gpus) cost.hours = cost.gpu_hours / *source.n_gpus;
  if (source.price_per_hour) cost.dollars = cost.gpu_hours * source.price_per_hour->value;
  return cost;
}

double flops_for_dollars(const ComputeSource& source, double dollars) {
  if (!source.price_per_hour)
    throw ConfigError(
        fmt::format("--dollars needs the price of a GPU hour (data/budget_defaults.yaml has none "
                    "for {}); give --price",
                    source.gpu.name));
  return dollars / source.price_per_hour->value * source.flops_per_gpu_hour();
}

}  // namespace isoflop
