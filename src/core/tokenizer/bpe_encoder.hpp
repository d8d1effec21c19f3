// SPDX-License-Identifier: MIT
#pragma once

#include "core/tokenizer/bpe_vocabulary.hpp"

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace isoflop {

/// Merges the bytes of words into tokens: again and again the pair of lowest rank, of equal ones
/// the leftmost. Remembers words it has seen; one thread at a time.
class BpeEncoder {
 public:
  /// The vocabulary must outlive the encoder.
  explicit BpeEncoder(const BpeVocabulary& vocabulary);

  /// Appends the tokens of one word, which is not empty.
  void encode(std::string_view word, std::vector<int32_t>& tokens);

 private:
  /// A word and its tokens in one cache line.
  struct alignas(64) Remembered {
    static constexpr std::size_t kMaxBytes = 22;
    static constexpr std::size_t kMaxTokens = 10;
    uint8_t n_bytes = 0;
    uint8_t n_tokens = 0;
    std::array<char, kMaxBytes> bytes;
    std::array<int32_t, kMaxTokens> tokens;
  };
  /// A token of the word being merged and the merge with its right neighbour.
  struct Part {
    int32_t token;
    MergeTable::Merge merge;
  };
  struct Link;

  void merge(std::string_view word, std::vector<int32_t>& tokens);
  void merge_short(std::string_view word, std::vector<int32_t>& tokens);
  void merge_long(std::string_view word, std::vector<int32_t>& tokens) const;
  MergeTable::Merge merge_at(std::size_t i) const;

  const BpeVocabulary& vocabulary_;
  std::vector<Remembered> remembered_;  // by hash; a newer word replaces the older
  std::vector<Part> parts_;             // scratch of merge_short
};

}  // namespace isoflop
