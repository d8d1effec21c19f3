// SPDX-License-Identifier: MIT
#pragma once

#include "core/data/dataset_index.hpp"
#include "tokenize/dataset_folder.hpp"
#include "tokenize/document_splitter.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace isoflop {

struct TokenizeOptions {
  std::vector<std::filesystem::path> files;
  std::vector<std::filesystem::path> val_files;  ///< when given, they alone are held out
  std::string tokenizer;
  std::filesystem::path out;
  DocumentRule documents = DocumentRule::file;
  std::string separator;  ///< of DocumentRule::separator
  double val_fraction = 0.01;
  uint64_t seed = 0;
  int64_t shard_tokens = 100'000'000;
  ExistingDataset existing = ExistingDataset::refuse;
};

struct TokenizeResult {
  DatasetIndex index;
  std::vector<std::filesystem::path> skipped;  ///< inputs without text
  double seconds = 0;
};

/// Reads the files, writes the dataset. Throws ConfigError for impossible options (also when a
/// split would be empty) and FileError for inputs that cannot be read and a full disk; `out` is
/// then as it was before.
TokenizeResult tokenize(const TokenizeOptions& options);

}  // namespace isoflop
