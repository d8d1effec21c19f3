// SPDX-License-Identifier: MIT
#include "tokenize/split_writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace isoflop {

std::string shard_file_name(const std::string& split, std::size_t number) {
  return fmt::format("{}_{:06}.bin", split, number);
}

SplitWriter::SplitWriter(std::string split_name, ShardSpec spec, const OpenSplit& open)
    : split_name_(std::move(split_name)), spec_(std::move(spec)), index_(open.index) {
  if (open.shard)
    shard_.emplace(next_shard(), token_dtype_for_vocab(spec_.vocab_size), *open.shard);
}

std::filesystem::path SplitWriter::next_shard() const {
  return spec_.folder / shard_file_name(split_name_, index_.shards.size());
}

void SplitWriter::append(std::span<const int32_t> tokens) {
  while (!tokens.empty()) {
    if (!shard_) shard_.emplace(next_shard(), token_dtype_for_vocab(spec_.vocab_size));
    const int64_t room = spec_.shard_tokens - shard_->n_tokens();
    const auto count = std::min(static_cast<std::size_t>(room), tokens.size());
    shard_->append(tokens.first(count));
    tokens = tokens.subspan(count);
    if (shard_->n_tokens() == spec_.shard_tokens) commit_shard();
  }
}

void SplitWriter::commit_shard() {
  index_.shards.push_back(shard_->commit());
  index_.n_tokens += index_.shards.back().n_tokens;
  shard_.reset();
}

OpenSplit SplitWriter::keep() {
  return {.index = index_, .shard = shard_ ? std::optional(shard_->keep()) : std::nullopt};
}

SplitIndex SplitWriter::finish() {
  if (shard_) commit_shard();
  return index_;
}

}  // namespace isoflop
