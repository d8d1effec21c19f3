// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/config_node.hpp"

#include <optional>
#include <string>
#include <vector>

namespace isoflop {

/// A published figure and what this program makes of it.
struct KnownAnswer {
  std::string what;
  double expected = 0;
  double computed = 0;
  double within = 0;                            ///< allowed difference
  std::optional<std::string> expected_verdict;  ///< of a model's size
  std::optional<std::string> computed_verdict;
  std::string source;

  bool passes() const;
};

/// A figure in circulation that is wrong.
struct WrongFigure {
  std::string what;
  double claimed = 0;
  std::optional<double> computed;    ///< absent: only listed
  double within = 0;                 ///< a claim this near would be right
  std::optional<std::string> right;  ///< where nothing is computed
  std::string why;

  /// False when the claim is what we compute, so that one of the two is in error.
  bool passes() const;
};

struct Validation {
  std::vector<KnownAnswer> answers;
  std::vector<WrongFigure> wrong_figures;

  int failures() const;
};

/// Computes every entry of a document in the form of data/known_answers.yaml, which explains its
/// keys. Throws ConfigError for a bad one.
Validation validate(const ConfigNode& root);

/// Two tables, expected against computed and the wrong figures, and a line that counts failures.
std::string describe_validation(const Validation& validation);

/// One JSON document.
std::string validation_as_json(const Validation& validation);

}  // namespace isoflop
