// SPDX-License-Identifier: MIT
#include "tokenize/verify.hpp"

#include "core/base/error.hpp"
#include "core/data/dataset_index.hpp"
#include "core/data/shard_check.hpp"
#include "core/tokenizer/tokenizer.hpp"
#include "tokenize/progress.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace isoflop {
namespace {

constexpr int64_t kChunkTokens = int64_t{1} << 20;

/// The checksum is right, so an id out of range was written so.
void check_ids(const TokenShard& shard, int64_t vocab_size) {
  std::vector<int32_t> tokens;
  for (int64_t first = 0; first < shard.n_tokens(); first += kChunkTokens) {
    tokens.resize(static_cast<std::size_t>(std::min(kChunkTokens, shard.n_tokens() - first)));
    shard.read(first, tokens);
    for (const int32_t token : tokens) {
      if (static_cast<uint32_t>(token) >= vocab_size)
        throw FileError(fmt::format("{}: holds token id {} (vocab_size is {}); tokenize again",
                                    shard.path().string(), static_cast<uint32_t>(token),
                                    vocab_size));
    }
  }
}

int64_t n_bytes_of(const DatasetIndex& index) {
  int64_t n_bytes = 0;
  for (const SplitIndex* split : {&index.train, &index.val}) {
    for (const ShardEntry& entry : split->shards) n_bytes += entry.n_bytes;
  }
  return n_bytes;
}

}  // namespace

VerifyResult verify_dataset(const std::filesystem::path& folder) {
  const DatasetIndex index = load_dataset_index(folder);
  VerifyResult result;
  const auto try_to = [&](const auto& check) {
    try {
      check();
    } catch (const Error& error) {
      result.problems.emplace_back(error.what());
    }
  };
  Progress progress(n_bytes_of(index));
  for (const SplitIndex* split : {&index.train, &index.val}) {
    for (const ShardEntry& entry : split->shards) {
      try_to([&] {
        check_ids(open_checked_shard(folder, entry, index.token_dtype, ShardCheck::checksum),
                  index.vocab_size);
      });
      ++result.n_shards;
      result.n_tokens += entry.n_tokens;
      result.n_bytes += entry.n_bytes;
      progress.update(result.n_bytes, entry.n_tokens);
    }
  }
  if (index.vocabulary) try_to([&] { open_dataset_tokenizer(folder, index); });
  return result;
}

}  // namespace isoflop
