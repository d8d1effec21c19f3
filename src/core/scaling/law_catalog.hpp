// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/config_node.hpp"
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
  /// Throws ConfigError with the nearest name.
  const ScalingLaw& find(const std::string& name) const;
  /// The law that `default` names, or the only one. Throws ConfigError when neither is given.
  const ScalingLaw& default_law() const;
  /// Absent when the file has no repeated_data.
  const std::optional<RepeatedData>& repeated_data() const { return repeated_data_; }

 private:
  std::string document_name_;
  std::vector<ScalingLaw> laws_;
  std::optional<std::string> default_name_;
  std::optional<RepeatedData> repeated_data_;
};

/// A law by its name in data/scaling_laws.yaml, or the default law of a file (text that ends in
/// .yaml or .yml). Throws FileError or ConfigError.
ScalingLaw load_law(const std::string& name_or_file);

}  // namespace isoflop
