// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace isoflop {

/// The merges of a vocabulary: which two neighbouring tokens become which one, lowest rank first.
class MergeTable {
 public:
  struct Merge {
    int32_t rank;
    int32_t token;
  };
  static constexpr int32_t kNoRank = INT32_MAX;

  explicit MergeTable(std::size_t n_merges);

  /// Ids are not negative. Of two merges of the same pair the one of lower rank stays.
  void add(int32_t left, int32_t right, Merge merge);
  /// Rank kNoRank when the pair does not merge.
  Merge find(int32_t left, int32_t right) const {
    const uint64_t key = key_of(left, right);
    for (std::size_t i = slot_of(key);; i = (i + 1) & mask_) {
      if (slots_[i].key == key) return slots_[i].merge;
      if (slots_[i].key == kEmpty) return {kNoRank, 0};
    }
  }

 private:
  static constexpr uint64_t kEmpty = UINT64_MAX;
  struct Slot {
    uint64_t key = kEmpty;
    Merge merge{kNoRank, 0};
  };
  static uint64_t key_of(int32_t left, int32_t right) {
    return static_cast<uint64_t>(left) << 32 | static_cast<uint32_t>(right);
  }
  std::size_t slot_of(uint64_t key) const {
    return static_cast<std::size_t>((key * 0x9e3779b97f4a7c15u) >> shift_);
  }

  std::size_t mask_;
  int shift_;
  std::vector<Slot> slots_;  // open addressing, at most half full
};

/// A byte-level BPE vocabulary with GPT-2's way of cutting words.
struct BpeVocabulary {
  std::vector<std::string> tokens;  ///< bytes of each id; the end-of-text token's are its name
  int32_t eot_token = 0;
  std::vector<int32_t> byte_tokens;  ///< (256): the token of each single byte
  MergeTable merges;
  /// A word that is a token as a whole becomes that token whatever the merges give: tiktoken's rule
  /// for its own files. Views into `tokens`; empty where only merges count.
  std::unordered_map<std::string_view, int32_t> whole_words;
};

inline constexpr std::string_view kEndOfText = "<|endoftext|>";

/// Reads a .tiktoken file: on each line a token in base 64 and its rank, which is its id. Two
/// neighbours merge when the vocabulary holds what they are together. The end-of-text token is the
/// id after the last. Throws FileError and ConfigError naming file and line.
BpeVocabulary load_tiktoken_file(const std::filesystem::path& path);

/// Reads GPT-2's vocab.json (token to id, in its alphabet of printable characters for bytes) and
/// merges.txt (pairs, first is lowest rank). Throws FileError and ConfigError naming file and line.
BpeVocabulary load_vocab_and_merges(const std::filesystem::path& vocab,
                                    const std::filesystem::path& merges);

}  // namespace isoflop
