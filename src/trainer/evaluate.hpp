// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/backend.hpp"
#include "trainer/comm/collectives.hpp"
#include "trainer/data/batch_loader.hpp"
#include "trainer/data/token_windows.hpp"
#include "trainer/model/transformer.hpp"

#include <cstdint>

namespace isoflop {

struct EvalResult {
  double loss = 0;  ///< nats per token
  int64_t n_tokens = 0;
  double seconds = 0;
};

/// The loss over the first windows of the validation split, dealt to all ranks. Every rank runs the
/// same number of forward passes; rows past the last window have no targets.
class Evaluator {
 public:
  Evaluator(const Backend& backend, Collectives& collectives, const TokenWindows& windows,
            int64_t n_sequences, const StepShape& step);

  /// Collective over all ranks; makes the host wait.
  EvalResult run(Transformer& model, BatchLoader& loader);

 private:
  void fill(int64_t first_window, std::span<int32_t> inputs, std::span<int32_t> targets) const;

  const Backend& backend_;
  Collectives& collectives_;
  const TokenWindows& windows_;
  int64_t n_sequences_;
  StepShape step_;
  Buffer loss_sums_;  // (2) f64: loss, z-loss
  Buffer host_loss_sum_;
};

}  // namespace isoflop
