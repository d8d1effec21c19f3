// SPDX-License-Identifier: MIT
#pragma once

#include "core/data/dataset_index.hpp"
#include "core/data/shard_writer.hpp"

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

/// A split that is not finished, as SplitWriter::keep() left it.
struct OpenSplit {
  SplitIndex index;  ///< of the shards that are finished
  std::optional<OpenShard> shard;
};

/// "train_000000.bin".
std::string shard_file_name(const std::string& split, std::size_t number);

/// Writes one split as a row of shards and counts what it writes.
class SplitWriter {
 public:
  /// Goes on where keep() returned `open`; what was written after that is dropped.
  SplitWriter(std::string split_name, ShardSpec spec, const OpenSplit& open = {});

  void append(std::span<const int32_t> tokens);
  /// Without a call the index says nothing about bytes of text.
  void add_text_bytes(int64_t n_bytes) {
    index_.n_text_bytes = index_.n_text_bytes.value_or(0) + n_bytes;
  }
  void add_document() { ++index_.n_documents; }

  /// Syncs what was written, for another SplitWriter to go on with.
  OpenSplit keep();
  /// Commits the last shard. A split without tokens has none.
  SplitIndex finish();

 private:
  std::filesystem::path next_shard() const;
  void commit_shard();

  std::string split_name_;
  ShardSpec spec_;
  SplitIndex index_;
  std::optional<ShardWriter> shard_;
};

}  // namespace isoflop
