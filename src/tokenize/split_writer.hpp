// SPDX-License-Identifier: MIT
#pragma once

#include "core/data/dataset_index.hpp"
#include "core/data/shard_writer.hpp"
#include "tokenize/bigram_counts.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

namespace isoflop {

/// How all shards of a dataset are written.
struct ShardSpec {
  std::filesystem::path folder;
  int64_t vocab_size = 0;
  int64_t shard_tokens = 0;  ///< of each shard but the last; at most kMaxShardTokens
};

/// "train_000000.bin".
std::string shard_file_name(const std::string& split, std::size_t number);

/// Writes one split as a row of shards and counts what it writes.
class SplitWriter {
 public:
  SplitWriter(std::string split_name, ShardSpec spec);

  void append(std::span<const int32_t> tokens);
  void add_text_bytes(int64_t n_bytes) { index_.n_text_bytes += n_bytes; }
  void add_document() { ++index_.n_documents; }

  /// Commits the last shard. A split without tokens has none.
  SplitIndex finish();
  int64_t n_documents() const { return index_.n_documents; }
  /// Absent for vocabularies above kMaxCountedVocab.
  const std::optional<BigramCounts>& bigrams() const { return bigrams_; }

 private:
  void commit_shard();

  std::string split_name_;
  ShardSpec spec_;
  SplitIndex index_;
  std::optional<ShardWriter> shard_;
  std::optional<BigramCounts> bigrams_;
};

}  // namespace isoflop
