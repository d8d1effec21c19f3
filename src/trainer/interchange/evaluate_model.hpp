// SPDX-License-Identifier: MIT
#pragma once

#include "core/plan/train_config.hpp"
#include "trainer/comm/process_grid.hpp"
#include "trainer/data/token_windows.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>

namespace isoflop {

struct EvaluateRequest {
  std::filesystem::path checkpoint;  ///< as SavedModel takes it
  std::filesystem::path data;        ///< a dataset's folder
  Split split = Split::val;
  std::optional<int64_t> max_tokens = std::nullopt;  ///< rounded up to whole windows
  std::optional<int64_t> seq_len = std::nullopt;     ///< absent: the run's
  int64_t batch_size = 4;                            ///< sequences at a time, of each rank
  DeviceKind device = DeviceKind::automatic;
};

/// What was found.
struct ModelEvaluation {
  std::filesystem::path checkpoint;
  int64_t step = 0;
  int64_t seq_len = 0;
  int64_t n_tokens = 0;  ///< predicted: all but the first of each shard, up to max_tokens
  double loss = 0;       ///< nats per token
  double perplexity = 0;
  std::optional<double> bits_per_byte;  ///< of the text; absent where the index does not know it
  double seconds = 0;
};

/// The loss over a dataset's split, each token predicted once from the tokens before it in its
/// window. Windows are dealt to the ranks, each of which has the whole model. Collective. Throws
/// ConfigError and FileError.
ModelEvaluation evaluate_model(const EvaluateRequest& request, Launch& launch);

}  // namespace isoflop
