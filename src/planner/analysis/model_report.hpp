// SPDX-License-Identifier: MIT
#pragma once

#include "planner/analysis/flops_formula.hpp"
#include "planner/analysis/model_analysis.hpp"

#include <optional>
#include <string>

namespace isoflop {

/// "llama-7b: 32L-...", and its sizes on a second line: how every command introduces a model.
std::string describe_model(const ModelShape& shape);

/// The answer of `planner model` for people. A formula adds what it gives beside what is right.
std::string describe_analysis(const ModelAnalysis& analysis, std::optional<FlopsFormula> formula);

/// The same as one JSON document.
std::string analysis_as_json(const ModelAnalysis& analysis, std::optional<FlopsFormula> formula);

}  // namespace isoflop
