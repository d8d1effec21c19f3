// SPDX-License-Identifier: MIT
#pragma once

#include "core/data/dataset_index.hpp"
#include "core/data/token_shard.hpp"

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

namespace isoflop {

enum class Split { train, val };
/// What becomes of a shard's last tokens that fill no window: dropped, or a window of their own, in
/// which the inputs behind them are 0 and have no targets.
enum class ShardTail { drop, keep };

struct TokenWindowsOptions {
  std::filesystem::path folder;  ///< of the dataset
  Split split = Split::train;
  int64_t seq_len = 0;
  int64_t model_vocab_size = 0;  ///< as the model uses it, padding included
  ShardTail tail = ShardTail::drop;
};

/// The windows of one split. Window w of a shard has the inputs [w T, w T + T) and, as targets, the
/// same moved by one token; T is seq_len. Windows never cross shards: a shard of n tokens has
/// floor((n - 1) / T), its last few tokens are not used; ceil((n - 1) / T) with ShardTail::keep.
/// Reads are safe from several threads.
class TokenWindows {
 public:
  /// Opens every shard and checks header and size. Throws FileError naming the shard that is
  /// missing, torn or not the one the index describes; ConfigError when the model's vocabulary is
  /// smaller than the dataset's or the split is shorter than one window.
  explicit TokenWindows(const TokenWindowsOptions& options);

  const DatasetIndex& index() const { return index_; }
  int64_t seq_len() const { return seq_len_; }
  /// Reads every byte of each `stride`-th shard from shard `first` on and compares checksums.
  /// Throws FileError naming the shard that is damaged.
  void verify(int64_t first, int64_t stride) const;
  /// Always positive.
  int64_t n_windows() const { return first_windows_.back(); }
  /// Of the first `n_windows` windows: tokens that are to be predicted.
  int64_t n_targets(int64_t n_windows) const;

  /// Copies window `window` in [0, n_windows); each span holds seq_len tokens, targets that a kept
  /// tail lacks are -1. Throws FileError naming the shard when an id lies outside the vocabulary.
  void read(int64_t window, std::span<int32_t> inputs, std::span<int32_t> targets) const;

 private:
  /// Inputs of window `window` of a shard; fewer than seq_len in a tail.
  int64_t n_inputs(const TokenShard& shard, int64_t window) const;

  int64_t seq_len_;
  DatasetIndex index_;
  std::vector<ShardEntry> entries_;  // of the split
  std::vector<TokenShard> shards_;
  std::vector<int64_t> first_windows_;  // of each shard, and then the total
};

}  // namespace isoflop
