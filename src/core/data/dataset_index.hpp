// SPDX-License-Identifier: MIT
#pragma once

#include "core/data/token_shard_format.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace isoflop {

inline constexpr int kDatasetFormatVersion = 1;
/// The index inside a dataset's folder. It is written last: a folder without it holds no dataset.
inline constexpr const char* kDatasetIndexName = "dataset.yaml";

struct ShardEntry {
  std::string file;  ///< name inside the dataset's folder
  int64_t n_tokens = 0;
  int64_t n_bytes = 0;  ///< of the file, header included
  uint32_t crc32 = 0;   ///< of the whole file
};

struct SplitIndex {
  int64_t n_documents = 0;
  int64_t n_tokens = 0;  ///< end-of-text tokens included
  /// Bytes of text the tokens stand for; loss per byte divides by it. Absent when only ids were
  /// given.
  std::optional<int64_t> n_text_bytes;
  std::vector<ShardEntry> shards;
};

struct SourceFile {
  std::string path;
  int64_t n_bytes = 0;  ///< unpacked
};

/// Cross-entropy of the validation split under n-gram models counted on the training split with
/// add-one smoothing; data/README.md has the formula.
struct NgramBaselines {
  double unigram_nats_per_token = 0;
  double bigram_nats_per_token = 0;
};

/// Where a tokenizer's vocabulary is from.
struct VocabularySource {
  std::string scheme;  ///< "gpt2" or "sentencepiece"
  /// In a dataset's index relative to its folder, which keeps copies.
  std::vector<std::filesystem::path> files;
  uint32_t crc32 = 0;  ///< of the files' bytes one after another
};

/// What dataset.yaml says about the shards beside it.
struct DatasetIndex {
  std::string tokenizer;
  int64_t vocab_size = 0;                      ///< ids are in [0, vocab_size), end of text included
  int64_t eot_token = 0;                       ///< ends every document
  std::optional<VocabularySource> vocabulary;  ///< absent for bytes and for ids without one
  TokenDtype token_dtype = TokenDtype::uint16;
  std::string document_rule;    ///< how files were cut into documents, in words
  std::string validation_rule;  ///< how the validation split was chosen, in words
  std::vector<SourceFile> sources;
  SplitIndex train;
  SplitIndex val;
  std::optional<NgramBaselines> baselines;
};

/// The text of dataset.yaml.
std::string dataset_index_yaml(const DatasetIndex& index);

/// Writes `folder`/dataset.yaml in one step. Throws FileError.
void write_dataset_index(const std::filesystem::path& folder, const DatasetIndex& index);

/// Reads and checks `folder`/dataset.yaml (not the shards). Throws FileError when the folder holds
/// no dataset, ConfigError naming file, line and key for a wrong value.
DatasetIndex load_dataset_index(const std::filesystem::path& folder);

}  // namespace isoflop
