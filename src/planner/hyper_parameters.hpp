// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace isoflop {

/// Tokens in a global batch for a training of `compute` FLOPs: 0.2920 C^0.3271.
/// Source: DeepSeek LLM, arXiv:2401.02954, section 3.1 (fitted for 1e17 to 2e19 FLOPs; they trained
/// 67B at 3e23 with it).
double batch_tokens(double compute);

/// Peak learning rate of AdamW: 0.3118 C^-0.1250 (same source), at most kMaxLearningRate.
double peak_learning_rate(double compute);
/// Assumed bound where the fit leaves its range (below 1e16 FLOPs it would go on rising): three
/// times the 1e-3 of nanoGPT's 10M character model (config/train_shakespeare_char.py), whose author
/// notes that small models take more.
inline constexpr double kMaxLearningRate = 3e-3;

/// Steps of linear warm-up: 2,000 as in DeepSeek LLM, Llama 2 (arXiv:2307.09288, section 2.2) and
/// LLaMA, but at most a twentieth of the steps, at least one when there is room.
int64_t warmup_steps(int64_t steps);

}  // namespace isoflop
