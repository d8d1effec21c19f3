// SPDX-License-Identifier: MIT
#pragma once

#include "core/data/dataset_index.hpp"
#include "core/data/shard_check.hpp"
#include "core/data/token_shard.hpp"

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

namespace isoflop {

enum class Split { train, val };

struct TokenWindowsOptions {
  std::filesystem::path folder;  ///< of the dataset
  Split split = Split::train;
  int64_t seq_len = 0;
  int64_t model_vocab_size = 0;  ///< as the model uses it, padding included
  ShardCheck check = ShardCheck::size;
};

/// The windows of one split. Window w of a shard has the inputs [w T, w T + T) and, as targets, the
/// same moved by one token; T is seq_len. Windows never cross shards: a shard of n tokens has
/// floor((n - 1) / T), its last few tokens are not used. Reads are safe from several threads.
class TokenWindows {
 public:
  /// Opens and checks every shard. Throws FileError naming the shard that is missing, torn,
  /// damaged or not the one the index describes; ConfigError when the model's vocabulary is smaller
  /// than the dataset's or the split is shorter than one window.
  explicit TokenWindows(const TokenWindowsOptions& options);

  const DatasetIndex& index() const { return index_; }
  int64_t seq_len() const { return seq_len_; }
  /// Always positive.
  int64_t n_windows() const { return first_windows_.back(); }

  /// Copies window `window` in [0, n_windows); each span holds seq_len tokens. Throws FileError
  /// naming the shard when an id lies outside the vocabulary.
  void read(int64_t window, std::span<int32_t> inputs, std::span<int32_t> targets) const;

 private:
  int64_t seq_len_;
  DatasetIndex index_;
  std::vector<TokenShard> shards_;
  std::vector<int64_t> first_windows_;  // of each shard, and then the total
};

}  // namespace isoflop
