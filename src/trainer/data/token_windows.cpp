// SPDX-License-Identifier: MIT
#include "trainer/data/token_windows.hpp"

#include "core/base/check.hpp"
#include "core/base/error.hpp"
#include "core/data/shard_check.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace isoflop {
namespace {

const char* split_name(Split split) { return split == Split::train ? "training" : "validation"; }

std::vector<TokenShard> open_shards(const std::filesystem::path& folder, const SplitIndex& split,
                                    TokenDtype dtype) {
  std::vector<TokenShard> shards;
  for (const ShardEntry& entry : split.shards)
    shards.push_back(open_checked_shard(folder, entry, dtype, ShardCheck::size));
  return shards;
}

void check_vocabulary(const TokenWindowsOptions& options, const DatasetIndex& index) {
  if (index.vocab_size > options.model_vocab_size)
    throw ConfigError(fmt::format(
        "{}: vocab_size is {} (the model's is {}, ids would not fit); set the model's "
        "vocab_size to at least {}",
        options.folder.string(), index.vocab_size, options.model_vocab_size, index.vocab_size));
}

std::vector<int64_t> count_windows(const std::vector<TokenShard>& shards, int64_t seq_len,
                                   ShardTail tail) {
  const int64_t rounding = tail == ShardTail::keep ? seq_len - 1 : 0;
  std::vector<int64_t> first_windows{0};
  for (const TokenShard& shard : shards)
    first_windows.push_back(first_windows.back() +
                            (std::max<int64_t>(0, shard.n_tokens() - 1) + rounding) / seq_len);
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
  entries_ = split.shards;
  shards_ = open_shards(options.folder, split, index_.token_dtype);
  first_windows_ = count_windows(shards_, seq_len_, options.tail);
  if (n_windows() == 0)
    throw ConfigError(fmt::format(
        "{}: the {} split has {} tokens (one window needs {} in one shard); lower seq_len or "
        "tokenize more text",
        options.folder.string(), split_name(options.split), split.n_tokens, seq_len_ + 1));
}

void TokenWindows::verify(int64_t first, int64_t stride) const {
  for (auto i = static_cast<std::size_t>(first); i < shards_.size();
       i += static_cast<std::size_t>(stride))
    check_checksum(shards_[i], entries_[i]);
}

int64_t TokenWindows::n_inputs(const TokenShard& shard, int64_t window) const {
  return std::min(seq_len_, shard.n_tokens() - 1 - window * seq_len_);
}

int64_t TokenWindows::n_targets(int64_t n_windows) const {
  int64_t n = 0;
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    const int64_t windows =
        std::min(n_windows, first_windows_[i + 1]) - std::min(n_windows, first_windows_[i]);
    if (windows > 0) n += (windows - 1) * seq_len_ + n_inputs(shards_[i], windows - 1);
  }
  return n;
}

void TokenWindows::read(int64_t window, std::span<int32_t> inputs,
                        std::span<int32_t> targets) const {
  ISOFLOP_CHECK(window >= 0 && window < n_windows());
  const auto T = static_cast<std::size_t>(seq_len_);
  ISOFLOP_CHECK(inputs.size() == T && targets.size() == T);
  const auto next = std::upper_bound(first_windows_.begin(), first_windows_.end(), window);
  const auto shard_number = static_cast<std::size_t>(next - first_windows_.begin()) - 1;
  const TokenShard& shard = shards_[shard_number];
  const int64_t in_shard = window - first_windows_[shard_number];
  const int64_t first = in_shard * seq_len_;
  const auto n = static_cast<std::size_t>(n_inputs(shard, in_shard));
  const std::span<int32_t> read_inputs = inputs.first(n);
  std::ranges::fill(inputs.subspan(n), 0);
  std::ranges::fill(targets.subspan(n), -1);
  shard.read(first, read_inputs);
  std::copy(read_inputs.begin() + 1, read_inputs.end(), targets.begin());
  shard.read(first + static_cast<int64_t>(n), targets.subspan(n - 1, 1));
  check_ids(read_inputs, shard, index_.vocab_size);
  check_ids(targets.subspan(n - 1, 1), shard, index_.vocab_size);
}

}  // namespace isoflop
