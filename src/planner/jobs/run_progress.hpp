// SPDX-License-Identifier: MIT
#pragma once

#include "core/plan/train_config.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace isoflop {

/// How far a training has come, by its own files alone.
struct RunProgress {
  std::string state = "not begun";  ///< of the newest start
  std::string cause;                ///< of its end; empty: none told
  int64_t step = 0;                 ///< last one recorded
  std::optional<double> loss;       ///< of that step
  std::optional<int64_t> evaluated_step;
  std::optional<double> validation_loss;
  std::optional<double> step_s;  ///< median of the last steps
  std::optional<int64_t> checkpoint_step;
  int64_t starts = 0;
  std::optional<double> written;   ///< Unix time of the last sign of life
  std::filesystem::path folder;    ///< of the run files
  std::vector<std::string> notes;  ///< of files that cannot be read
};

/// Looks for the run in `folders`, the first that has files of it. Damaged files are noted and
/// passed over.
RunProgress read_progress(const TrainConfig& config,
                          const std::vector<std::filesystem::path>& folders);

}  // namespace isoflop
