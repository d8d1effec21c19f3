// SPDX-License-Identifier: MIT
#pragma once

#include "core/data/dataset_index.hpp"
#include "core/data/shard_writer.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace isoflop::test {

struct TinyDataset {
  std::vector<std::vector<int32_t>> train_shards;
  std::vector<std::vector<int32_t>> val_shards;
  int64_t vocab_size = 257;
};

inline SplitIndex write_split(const std::filesystem::path& folder, const std::string& name,
                              const std::vector<std::vector<int32_t>>& shards, TokenDtype dtype) {
  SplitIndex split{.n_documents = 1, .n_tokens = 0, .n_text_bytes = 0, .shards = {}};
  for (const std::vector<int32_t>& tokens : shards) {
    ShardWriter writer(folder / (name + "_" + std::to_string(split.shards.size()) + ".bin"), dtype);
    writer.append(tokens);
    split.shards.push_back(writer.commit());
    split.n_tokens += split.shards.back().n_tokens;
  }
  split.n_text_bytes = split.n_tokens;
  return split;
}

/// Writes the given tokens, one shard for each list, and their index into `folder`.
inline void write_tiny_dataset(const std::filesystem::path& folder, const TinyDataset& dataset) {
  DatasetIndex index;
  index.tokenizer = "bytes";
  index.vocab_size = dataset.vocab_size;
  index.eot_token = dataset.vocab_size - 1;
  index.token_dtype = token_dtype_for_vocab(dataset.vocab_size);
  index.document_rule = "one document";
  index.validation_rule = "given";
  index.train = write_split(folder, "train", dataset.train_shards, index.token_dtype);
  index.val = write_split(folder, "val", dataset.val_shards, index.token_dtype);
  write_dataset_index(folder, index);
}

}  // namespace isoflop::test
