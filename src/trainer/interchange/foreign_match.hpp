// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/interchange/foreign_config.hpp"
#include "trainer/interchange/foreign_tensors.hpp"
#include "trainer/interchange/safetensors_folder.hpp"

#include <string>
#include <vector>

namespace isoflop {

/// A model's tensors and a folder's, found for each other.
struct ForeignMatch {
  /// All of the model's, by the names that the folder has them under.
  std::vector<ForeignTensor> tensors;
  /// The folder's others: tables that older versions of transformers saved, and an output matrix
  /// that is tied.
  std::vector<std::string> ignored;
};

/// Names may lack the prefix that folders of the bare model leave out. Throws FileError naming the
/// first tensor that is missing, has another shape or type, or that the model has no place for.
ForeignMatch match_tensors(const ForeignModel& model, const SafetensorsFolder& folder);

}  // namespace isoflop
