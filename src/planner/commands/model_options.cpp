// SPDX-License-Identifier: MIT
#include "planner/commands/model_options.hpp"

#include "core/base/error.hpp"
#include "core/base/suggest.hpp"
#include "planner/analysis/flops_formula.hpp"
#include "planner/candidate_search.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

namespace isoflop {

std::string formula_help() {
  std::string text = "Also by a formula in circulation: ";
  for (const FlopsFormulaRow& row : kFlopsFormulas)
    text += fmt::format("{}{}", &row == kFlopsFormulas.data() ? "" : ", ", row.name);
  return text;
}

Precision training_precision(const std::string& text) {
  const std::vector<std::string> trainable = {"bf16", "fp16", "tf32", "fp32"};
  if (std::find(trainable.begin(), trainable.end(), text) == trainable.end())
    throw ConfigError(fmt::format("--precision is '{}'{}; use bf16, fp16, tf32 or fp32", text,
                                  did_you_mean(text, trainable)));
  return *parse_precision(text);
}

Precision peak_precision(const DeviceSpec& gpu, const std::optional<std::string>& text) {
  if (!text) return choose_precision(gpu, std::nullopt);
  const std::optional<Precision> precision = parse_precision(*text);
  if (!precision)
    throw ConfigError(fmt::format("--precision is '{}'{}; use {}", *text,
                                  did_you_mean(*text, precision_names()),
                                  fmt::join(precision_names(), ", ")));
  return choose_precision(gpu, precision);
}

}  // namespace isoflop
