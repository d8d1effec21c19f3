// SPDX-License-Identifier: MIT
#pragma once

#include "tokenize/dataset_folder.hpp"
#include "tokenize/document_splitter.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace isoflop {

/// What becomes of lines of .jsonl files that are not JSON or have no text.
enum class BadLines { stop, skip };

struct TokenizeOptions {
  std::vector<std::filesystem::path> files;      ///< files and folders
  std::vector<std::filesystem::path> val_files;  ///< when given, they alone are held out
  std::string tokenizer;                         ///< as open_tokenizer() takes it
  std::filesystem::path out;
  std::optional<DocumentRule> documents;  ///< of text files; file when absent
  std::string separator;                  ///< of DocumentRule::separator
  std::optional<std::string> text_field;  ///< of .jsonl files; "text" when absent
  BadLines bad_lines = BadLines::stop;
  double val_fraction = 0.01;
  uint64_t seed = 0;
  int64_t shard_tokens = 100'000'000;
  int n_jobs = 1;  ///< threads that encode; the dataset is the same for any number
  ExistingDataset existing = ExistingDataset::refuse;
  UnfinishedWork unfinished = UnfinishedWork::resume;
  int64_t keep_every_bytes = int64_t{64} << 20;  ///< of text between two states kept for a resume
};

/// Ids without headers, as nanoGPT's prepare.py writes them: uint16, little-endian.
struct FromBinOptions {
  std::vector<std::filesystem::path> files;
  std::vector<std::filesystem::path> val_files;  ///< when given, they alone are held out
  std::string tokenizer;                         ///< that made the ids; empty when not at hand
  std::optional<int64_t> vocab_size;             ///< stated instead of a tokenizer
  std::optional<int64_t> eot_token;              ///< stated instead of a tokenizer
  std::filesystem::path out;
  double val_fraction = 0.01;  ///< of the ids, from their end
  int64_t shard_tokens = 100'000'000;
  ExistingDataset existing = ExistingDataset::refuse;
};

}  // namespace isoflop
