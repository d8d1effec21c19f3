// SPDX-License-Identifier: MIT
#include "planner/analysis/known_quantities.hpp"

#include "core/base/enum_names.hpp"
#include "core/base/suggest.hpp"
#include "core/hardware/mfu.hpp"
#include "core/model/flops.hpp"
#include "core/model/param_count.hpp"
#include "core/scaling/optimum.hpp"
#include "planner/analysis/flops_formula.hpp"

#include <array>
#include <string_view>

namespace isoflop {
namespace {

const ModelShape& model_of(MapReader& entry, const ReferenceData& data) {
  const ConfigNode node = entry.required_node("model");
  const auto found = data.models.find(node.as<std::string>());
  if (found != data.models.end()) return found->second;
  std::vector<std::string> names;
  for (const auto& [name, shape] : data.models) names.push_back(name);
  node.fail("no model of that name" + did_you_mean(node.text(), names), "add it under models");
}

double params(MapReader& entry, const ReferenceData& data) {
  return static_cast<double>(count_params(model_of(entry, data)).total());
}

double active_params(MapReader& entry, const ReferenceData& data) {
  return static_cast<double>(count_params(model_of(entry, data)).active());
}

AttentionFlops attention_of(MapReader& entry) {
  static constexpr std::array kNames = {EnumName{AttentionFlops::causal, "causal"},
                                        EnumName{AttentionFlops::full_square, "full_square"}};
  return read_enum(entry.required_node("attention"), kNames);
}

double forward_flops(MapReader& entry, const ReferenceData& data) {
  const ModelShape& model = model_of(entry, data);
  return forward_flops_per_token(model, entry.required_at_least("seq_len", 1), attention_of(entry))
      .matmul();
}

double train_flops(MapReader& entry, const ReferenceData& data) {
  const ModelShape& model = model_of(entry, data);
  return train_flops_per_token(model, entry.required_at_least("seq_len", 1), attention_of(entry));
}

double formula(MapReader& entry, const ReferenceData& data) {
  const FlopsFormula named = parse_flops_formula(entry.required<std::string>("formula"));
  const ModelShape& model = model_of(entry, data);
  return formula_value(named, model, entry.required_at_least("seq_len", 1));
}

double attention_over_ffn(MapReader& entry, const ReferenceData& data) {
  const FlopsPerToken flops =
      forward_flops_per_token(model_of(entry, data), entry.required_at_least("seq_len", 1));
  return (flops.qkv_projection + flops.attention_scores + flops.output_projection) / flops.ffn;
}

double peak_dense_tflops(MapReader& entry, const ReferenceData& data) {
  const GpuMatch gpu = data.gpus.find(entry.required_node("gpu"));
  const ConfigNode precision = entry.required_node("precision");
  const std::optional<Precision> parsed = parse_precision(precision.text());
  if (!parsed)
    precision.fail("no precision of that name" + did_you_mean(precision.text(), precision_names()));
  return gpu.spec.require_peak_dense_tflops(*parsed);
}

double model_flops_utilisation(MapReader& entry, const ReferenceData& data) {
  const double per_gpu =
      entry.required_positive("tokens_per_s") / entry.required_positive("n_gpus");
  return mfu(train_flops(entry, data), per_gpu, peak_dense_tflops(entry, data));
}

/// The best N and D of a law, or of a rule, for the entry's compute.
BudgetSplit best_split(MapReader& entry, const ReferenceData& data, const std::string& key) {
  const std::string name = entry.required<std::string>(key);
  const double compute = entry.required_positive("compute_flops");
  if (const AllocationRule* rule = data.laws.find_rule(name)) return split_budget(*rule, compute);
  const Optimum best = optimum(data.laws.find(name), compute);
  return {best.n_params, best.n_tokens};
}

double best_params(MapReader& entry, const ReferenceData& data) {
  return best_split(entry, data, "law").n_params;
}

double best_tokens(MapReader& entry, const ReferenceData& data) {
  return best_split(entry, data, "law").n_tokens;
}

Range best_params_range(MapReader& entry, const ReferenceData& data) {
  const ConfigNode law = entry.required_node("law");
  const std::optional<Range> range = optimal_params_interval_95(
      data.laws.find(law.as<std::string>()), entry.required_positive("compute_flops"));
  if (!range) law.fail("has no covariance", "name a law with one");
  return *range;
}

double best_params_low(MapReader& entry, const ReferenceData& data) {
  return best_params_range(entry, data).low;
}

double best_params_high(MapReader& entry, const ReferenceData& data) {
  return best_params_range(entry, data).high;
}

double waste(MapReader& entry, const ReferenceData& data) {
  const BudgetSplit split = best_split(entry, data, "of");
  return wasted_compute(data.laws.find(entry.required<std::string>("law")), split.n_params,
                        split.n_tokens);
}

double epochs_worth(MapReader& entry, const ReferenceData& data) {
  const ConfigNode epochs = entry.required_node("epochs");
  if (!data.laws.repeated_data()) epochs.fail("data/scaling_laws.yaml has no repeated_data");
  return effective_tokens(*data.laws.repeated_data(), 1.0, epochs.as<double>());
}

double over_optimum(MapReader& entry, const ReferenceData& data) {
  return params_over_optimum(data.laws.find(entry.required<std::string>("law")),
                             entry.required_positive("n_params"),
                             entry.required_positive("n_tokens"));
}

struct Quantity {
  std::string_view name;
  double (*compute)(MapReader& entry, const ReferenceData& data);
};

constexpr std::array kQuantities = {
    Quantity{"params", params},
    Quantity{"active_params", active_params},
    Quantity{"forward_flops_per_token", forward_flops},
    Quantity{"train_flops_per_token", train_flops},
    Quantity{"formula", formula},
    Quantity{"attention_over_ffn", attention_over_ffn},
    Quantity{"mfu", model_flops_utilisation},
    Quantity{"peak_dense_tflops", peak_dense_tflops},
    Quantity{"best_params", best_params},
    Quantity{"best_tokens", best_tokens},
    Quantity{"best_params_low", best_params_low},
    Quantity{"best_params_high", best_params_high},
    Quantity{"wasted_compute", waste},
    Quantity{"epochs_worth", epochs_worth},
    Quantity{"params_over_optimum", over_optimum},
};

}  // namespace

double compute_quantity(const ConfigNode& quantity, MapReader& entry, const ReferenceData& data) {
  return read_row(quantity, kQuantities).compute(entry, data);
}

}  // namespace isoflop
