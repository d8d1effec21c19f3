// SPDX-License-Identifier: MIT
#include "trainer/data/token_windows.hpp"

#include "core/base/check.hpp"
#include "core/base/error.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace isoflop {
namespace {

const char* split_name(Split split) { return split == Split::train ? "training" : "validation"; }

std::vector<TokenShard> open_shards(const TokenWindowsOptions& options, const SplitIndex& split,
                                    const DatasetIndex& index) {
  std::vector<TokenShard> shards;
  for (const ShardEntry& entry : split.shards)
    shards.push_back(open_checked_shard(options.folder, entry, index.token_dtype, options.check));
  return shards;
}

void check_vocabulary(const TokenWindowsOptions& options, const DatasetIndex& index) {
  if (index.vocab_size > options.model_vocab_size)
    throw ConfigError(fmt::format(
        "{}: vocab_size is {} (the model's is {}, ids would not fit); set the model's "
        "vocab_size to at least {}",
        options.folder.string(), index.vocab_size, options.model_vocab_size, index.vocab_size));
}

std::vector<int64_t> count_windows(const std::vector<TokenShard>& shards, int64_t seq_len) {
  std::vector<int64_t> first_windows{0};
  for (const TokenShard& shard : shards)
    first_windows.push_back(first_windows.back() +
                            std::max<int64_t>(0, shard.n_tokens() - 1) / seq_len);
  return first_windows;
}

void check_ids(std::span<const int32_t> tokens, const TokenShard& shard, int64_t vocab_size) {
  // As unsigned, so that ids of 2^31 and above, which read as negative, are found too.
  uint32_t largest = 0;
  for (const int32_t token : tokens) largest = std::max(largest, static_cast<uint32_t>(token));
  if (largest >= vocab_size)
    throw FileError(
        fmt::format("{}: holds token id {} (vocab_size is {}); the shard is damaged, "
                    "restore it or tokenize again",
                    shard.path().string(), largest, vocab_size));
}

}  // namespace

TokenWindows::TokenWindows(const TokenWindowsOptions& options)
    : seq_len_(options.seq_len), index_(load_dataset_index(options.folder)) {
  ISOFLOP_CHECK(seq_len_ > 0);
  check_vocabulary(options, index_);
  const SplitIndex& split = options.split == Split::train ? index_.train : index_.val;
  shards_ = open_shards(options, split, index_);
  first_windows_ = count_windows(shards_, seq_len_);
  if (n_windows() == 0)
    throw ConfigError(fmt::format(
        "{}: the {} split has {} tokens (one window needs {} in one shard); lower seq_len or "
        "tokenize more text",
        options.folder.string(), split_name(options.split), split.n_tokens, seq_len_ + 1));
}

void TokenWindows::read(int64_t window, std::span<int32_t> inputs,
                        std::span<int32_t> targets) const {
  ISOFLOP_CHECK(window >= 0 && window < n_windows());
  const auto T = static_cast<std::size_t>(seq_len_);
  ISOFLOP_CHECK(inputs.size() == T && targets.size() == T);
  const auto next = std::upper_bound(first_windows_.begin(), first_windows_.end(), window);
  const auto shard_number = static_cast<std::size_t>(next - first_windows_.begin()) - 1;
  const TokenShard& shard = shards_[shard_number];
  const int64_t first = (window - first_windows_[shard_number]) * seq_len_;
  shard.read(first, inputs);
  std::copy(inputs.begin() + 1, inputs.end(), targets.begin());
  shard.read(first + seq_len_, targets.last(1));
  check_ids(inputs, shard, index_.vocab_size);
  check_ids(targets.last(1), shard, index_.vocab_size);
}

}  // namespace isoflop
