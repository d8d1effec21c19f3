// SPDX-License-Identifier: MIT
#include "core/scaling/law_reader.hpp"

#include "core/scaling/covariance.hpp"

#include <fmt/format.h>

namespace isoflop {
namespace {

ChinchillaForm read_chinchilla(MapReader& map) {
  return {.E = map.required_positive("E"),
          .A = map.required_positive("A"),
          .B = map.required_positive("B"),
          .alpha = map.required_positive("alpha"),
          .beta = map.required_positive("beta")};
}

KaplanForm read_kaplan(MapReader& map) {
  return {.N_c = map.required_positive("N_c"),
          .D_c = map.required_positive("D_c"),
          .alpha_N = map.required_positive("alpha_N"),
          .alpha_D = map.required_positive("alpha_D")};
}

std::variant<ChinchillaForm, KaplanForm> read_form(MapReader& law) {
  const ConfigNode form = law.required_node("form");
  MapReader coefficients(law.required_node("coefficients"));
  std::variant<ChinchillaForm, KaplanForm> result;
  if (form.text() == "chinchilla") {
    result = read_chinchilla(coefficients);
  } else if (form.text() == "kaplan") {
    result = read_kaplan(coefficients);
  } else {
    form.fail("must be chinchilla or kaplan");
  }
  coefficients.finish();
  return result;
}

Range read_range(const ConfigNode& node) {
  const std::vector<ConfigNode> ends = node.items();
  if (ends.size() != 2) node.fail("must be a list of two numbers", "write [low, high]");
  const Range range = {ends[0].as<double>(), ends[1].as<double>()};
  if (range.low <= 0 || range.high < range.low)
    ends[1].fail(fmt::format("not a positive range from {:g}", range.low), "write [low, high]");
  return range;
}

LawCovariance read_covariance(const ConfigNode& node) {
  LawCovariance covariance = {};
  const std::vector<ConfigNode> rows = node.items();
  if (rows.size() != covariance.size())
    node.fail("must have 5 rows: ln A, ln B, ln E, alpha, beta");
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::vector<ConfigNode> row = rows[i].items();
    if (row.size() != i + 1)
      rows[i].fail(fmt::format("row {} of a lower triangle has {} values", i + 1, i + 1));
    for (std::size_t j = 0; j <= i; ++j) covariance[i][j] = covariance[j][i] = row[j].as<double>();
  }
  if (!is_positive_definite(covariance))
    node.fail("not positive definite", "check signs and order");
  return covariance;
}

CountedParams read_counted_params(const ConfigNode& node) {
  if (node.text() == "total") return CountedParams::total;
  if (node.text() == "non_embedding") return CountedParams::non_embedding;
  node.fail("must be total or non_embedding");
}

LawTokenizer read_tokenizer(const ConfigNode& node) {
  MapReader map(node);
  LawTokenizer tokenizer;
  tokenizer.name = map.required<std::string>("name");
  tokenizer.vocab_size = map.required_at_least("vocab_size", 2);
  if (const auto range = map.find_node("comparable_vocab_size"))
    tokenizer.comparable_vocab_size = read_range(*range);
  map.finish();
  return tokenizer;
}

void read_fitted_ranges(const ConfigNode& node, ScalingLaw& law) {
  MapReader map(node);
  law.fitted_compute_flops = read_range(map.required_node("compute_flops"));
  law.fitted_params = read_range(map.required_node("params"));
  law.fitted_tokens = read_range(map.required_node("tokens"));
  map.finish();
}

/// Rows [C, low, high] in rising order of C.
std::vector<ParamsInterval> read_params_intervals(const ConfigNode& node) {
  std::vector<ParamsInterval> rows;
  for (const ConfigNode& item : node.items()) {
    const std::vector<ConfigNode> row = item.items();
    if (row.size() != 3) item.fail("must be a list of three numbers", "write [C, low, high]");
    const ParamsInterval read = {row[0].as<double>(), {row[1].as<double>(), row[2].as<double>()}};
    if (read.interval.low <= 0 || read.interval.high < read.interval.low)
      row[2].fail(fmt::format("not a positive range from {:g}", read.interval.low));
    if (read.compute_flops <= (rows.empty() ? 0 : rows.back().compute_flops))
      row[0].fail("not above the row before it", "sort the rows by compute");
    rows.push_back(read);
  }
  return rows;
}

PowerLaw read_power_law(const ConfigNode& node) {
  MapReader map(node);
  const PowerLaw law = {.coefficient = map.required_positive("coefficient"),
                        .exponent = map.required<double>("exponent"),
                        .reference_flops = map.find_positive("reference_flops").value_or(1)};
  map.finish();
  return law;
}

/// The power law of N (`params`) or of D (`tokens`); exactly one of them.
void read_quantity(MapReader& map, AllocationRule& rule) {
  const std::optional<ConfigNode> params = map.find_node("params");
  const std::optional<ConfigNode> tokens = map.find_node("tokens");
  if (params && tokens) tokens->fail("params is given too", "keep one: the other follows from C");
  rule.quantity = params ? AllocationRule::Quantity::params : AllocationRule::Quantity::tokens;
  rule.power_law = read_power_law(params ? *params : map.required_node("tokens"));
}

std::optional<PowerLaw> find_power_law(MapReader& map, const std::string& key) {
  const std::optional<ConfigNode> node = map.find_node(key);
  return node ? std::optional(read_power_law(*node)) : std::nullopt;
}

void check_usable_range(const ScalingLaw& law, const ConfigNode& node) {
  if (law.usable_compute_flops.contains(law.fitted_compute_flops.low) &&
      law.usable_compute_flops.contains(law.fitted_compute_flops.high))
    return;
  node.fail("does not contain fitted.compute_flops", "widen it");
}

}  // namespace

ScalingLaw read_law(const std::string& name, const ConfigNode& node) {
  MapReader map(node);
  ScalingLaw law;
  law.name = name;
  law.title = map.value_or<std::string>("title", name);
  law.form = read_form(map);
  if (const auto covariance = map.find_node("covariance")) {
    if (!std::holds_alternative<ChinchillaForm>(law.form))
      covariance->fail("only the chinchilla form has one", "remove it");
    law.covariance = read_covariance(*covariance);
  }
  if (const auto rows = map.find_node("optimal_params_95")) {
    if (!law.covariance) rows->fail("covariance is missing", "give both, or none");
    law.optimal_params_95 = read_params_intervals(*rows);
  }
  law.counted_params = read_counted_params(map.required_node("params"));
  law.tokenizer = read_tokenizer(map.required_node("tokenizer"));
  read_fitted_ranges(map.required_node("fitted"), law);
  const ConfigNode usable = map.required_node("usable_compute_flops");
  law.usable_compute_flops = read_range(usable);
  check_usable_range(law, usable);
  law.source = map.required<std::string>("source");
  map.finish();
  return law;
}

AllocationRule read_allocation_rule(const std::string& name, const ConfigNode& node) {
  MapReader map(node);
  AllocationRule rule;
  rule.name = name;
  rule.title = map.value_or<std::string>("title", name);
  read_quantity(map, rule);
  rule.counted_params = read_counted_params(map.required_node("counted_params"));
  rule.batch_tokens = find_power_law(map, "batch_tokens");
  rule.learning_rate = find_power_law(map, "learning_rate");
  rule.fitted_compute_flops = read_range(map.required_node("fitted_compute_flops"));
  rule.caution = map.find<std::string>("caution");
  rule.source = map.required<std::string>("source");
  map.finish();
  return rule;
}

}  // namespace isoflop
