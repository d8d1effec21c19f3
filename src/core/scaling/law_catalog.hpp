// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/config_node.hpp"
#include "core/scaling/allocation_rule.hpp"
#include "core/scaling/repeated_data.hpp"
#include "core/scaling/scaling_law.hpp"

#include <optional>
#include <string>
#include <vector>

namespace isoflop {

/// The laws of data/scaling_laws.yaml, or of a file of that form.
class LawCatalog {
 public:
  /// data_dir()/scaling_laws.yaml. Throws FileError or ConfigError.
  static LawCatalog load();
  explicit LawCatalog(const ConfigNode& root);

  const std::vector<ScalingLaw>& laws() const { return laws_; }
  /// Rules that split a budget and predict no loss; may be empty.
  const std::vector<AllocationRule>& rules() const { return rules_; }
  /// Null when no rule has that name.
  const AllocationRule* find_rule(const std::string& name) const;
  /// Throws ConfigError with the nearest name, also for a rule, which has no loss.
  const ScalingLaw& find(const std::string& name) const;
  /// The law that `default` names, or the only one. Throws ConfigError when neither is given.
  const ScalingLaw& default_law() const;
  /// Absent when the file has no repeated_data.
  const std::optional<RepeatedData>& repeated_data() const { return repeated_data_; }

 private:
  std::string document_name_;
  std::vector<ScalingLaw> laws_;
  std::vector<AllocationRule> rules_;
  std::optional<std::string> default_name_;
  std::optional<RepeatedData> repeated_data_;
};

/// True for text that ends in .yaml, .yml, .json or .jsonc.
bool names_a_law_file(const std::string& text);

/// A law by its name in data/scaling_laws.yaml, or the default law of a file (names_a_law_file).
/// Throws FileError or ConfigError.
ScalingLaw load_law(const std::string& name_or_file);

}  // namespace isoflop
