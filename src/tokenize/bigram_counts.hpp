// SPDX-License-Identifier: MIT
#pragma once

#include "core/data/dataset_index.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace isoflop {

/// Vocabularies up to this size are counted: the table has its square of entries.
inline constexpr int64_t kMaxCountedVocab = 1024;

/// How often each token follows each other one in a sequence of tokens.
class BigramCounts {
 public:
  explicit BigramCounts(int64_t vocab_size);

  /// Continues the sequence.
  void add(std::span<const int32_t> tokens);

  int64_t vocab_size() const { return vocab_size_; }
  /// Positions counted: the sequence's tokens but the first.
  int64_t n_pairs() const;
  /// Times `second` follows `first`.
  int64_t count(int64_t first, int64_t second) const;
  /// Times `first` is followed by anything.
  int64_t count_as_first(int64_t first) const;
  /// Times `second` follows anything.
  int64_t count_as_second(int64_t second) const;

 private:
  int64_t vocab_size_;
  std::optional<int32_t> previous_;
  std::vector<int64_t> counts_;  // (vocab_size, vocab_size): first, second
};

/// The counts of all shards of a split, one after another.
BigramCounts count_bigrams(const std::filesystem::path& folder, const SplitIndex& split,
                           int64_t vocab_size);

/// Cross-entropy of `val` under add-one smoothed unigram and bigram models of `train`; the formula
/// stands in data/README.md. Absent when either has no pair.
std::optional<NgramBaselines> ngram_baselines(const BigramCounts& train, const BigramCounts& val);

}  // namespace isoflop
