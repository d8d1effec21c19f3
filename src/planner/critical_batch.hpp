// SPDX-License-Identifier: MIT
#pragma once

namespace isoflop {

/// The batch in tokens at which a training of `n_tokens` takes 20 % more tokens than with a small
/// batch (256 sequences in the paper): 22.91 D^0.47 sequences of 512 tokens, D in millions.
/// Source: Zhang et al. 2024, arXiv:2410.21676 (85M to 1.2B parameters on C4, context 512; it
/// depends on D and hardly on N). The authors' notebook (github.com/hlzhang109/critical-batch-size,
/// plots/chinchilla.ipynb) fits 93.20 N^0.468 sequences, N in millions, at 20 tokens a parameter;
/// N = D / 20 gives 22.9.
double critical_batch_tokens(double n_tokens);

/// The part of the tokens that a larger batch needs on top at critical_batch_tokens, by definition.
inline constexpr double kCriticalOverhead = 0.2;

/// Most that is planned, in critical batches: twice the tokens of small batches, the critical batch
/// of McCandlish et al. 2018.
inline constexpr double kLargestBatch = 1 / kCriticalOverhead;

/// What a token is worth when it is read in batches of `batch` instead of `usual` (the batch of the
/// runs that a scaling law describes): (1 + usual / B) / (1 + batch / B), at most 1, where B is
/// kLargestBatch critical batches: E = E_min (1 + batch / B).
/// Source: McCandlish et al. 2018, arXiv:1812.06162, section 2.3.
double token_worth(double batch, double usual, double n_tokens);

}  // namespace isoflop
