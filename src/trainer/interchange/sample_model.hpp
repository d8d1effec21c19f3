// SPDX-License-Identifier: MIT
#pragma once

#include "core/plan/train_config.hpp"
#include "core/tokenizer/tokenizer.hpp"
#include "trainer/interchange/choose_token.hpp"
#include "trainer/interchange/inference_model.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace isoflop {

struct SampleRequest {
  std::vector<int32_t> prompt;  ///< at least one token
  int64_t max_tokens = 100;
  SamplingParams params = {};
  uint64_t seed = 1;
  int64_t sample = 0;                               ///< number of this one among those of a seed
  std::optional<int32_t> eot_token = std::nullopt;  ///< ends it; absent: nothing does
  int64_t context = 0;                              ///< tokens that the model looks back at most
  int64_t vocab_size = 0;                           ///< without the rows that pad the model's
};

enum class SampleEnd { end_of_document, max_tokens };

/// The tokens that follow the prompt, without the end of the document.
struct Sample {
  std::vector<int32_t> tokens;
  SampleEnd end = SampleEnd::max_tokens;
};

/// Draws token after token, each shown to `on_token` as it comes. Every token is a forward pass
/// over the context: its room doubles as the text grows, so that n tokens cost about n passes of at
/// most twice their length. Behind `context` tokens the window moves on. Equal requests give equal
/// samples on equal hardware.
Sample sample_model(InferenceModel& model, const SampleRequest& request,
                    const std::function<void(int32_t)>& on_token);

}  // namespace isoflop
