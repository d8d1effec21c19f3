// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/interchange/foreign_family.hpp"
#include "trainer/tensor/dtype.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace isoflop {

struct ImportRequest {
  std::filesystem::path from;  ///< config.json and safetensors
  std::filesystem::path to;    ///< a new folder: the checkpoint
  std::filesystem::path data;  ///< for the configuration; need not be there yet
  /// Parameters in memory at a time, and in one file of the checkpoint; or one whole tensor, where
  /// that is larger.
  int64_t part_elements = int64_t{1} << 28;
};

/// What was read.
struct ImportedModel {
  ForeignFamily family = ForeignFamily::llama;
  std::string short_name;
  int64_t n_parameters = 0;
  std::string dtype;                 ///< of the first tensor: "BF16"
  std::vector<std::string> ignored;  ///< tensors that hold no parameters
};

/// Writes a checkpoint of step 0, which has parameters and no moments: those of a run's beginning
/// are zero. Its config.yaml begins a run with checkpoint.from. Values are kept exactly, as f32.
/// Throws FileError naming the first tensor that is missing, has another shape, has elements that
/// are not f32, bf16 or f16, or belongs to no parameter; ConfigError as read_foreign_model does.
ImportedModel import_model(const ImportRequest& request);

}  // namespace isoflop
