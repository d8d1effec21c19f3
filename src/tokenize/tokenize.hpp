// SPDX-License-Identifier: MIT
#pragma once

#include "core/data/dataset_index.hpp"
#include "tokenize/tokenize_options.hpp"

#include <cstdint>
#include <filesystem>
#include <vector>

namespace isoflop {

struct TokenizeResult {
  DatasetIndex index;
  std::vector<std::filesystem::path> skipped;  ///< inputs without text
  int64_t n_bad_lines = 0;                     ///< skipped
  int64_t n_bytes_before = 0;   ///< of text, done by an earlier run that this one resumed
  int64_t n_tokens_before = 0;  ///< the same in tokens
  double seconds = 0;
};

/// Reads the files, writes the dataset; resumes what an earlier run with the same options left
/// unfinished. Throws ConfigError for impossible options (also when a split would be empty) and
/// FileError for inputs that cannot be read and a full disk; `out` then holds no new dataset.
TokenizeResult tokenize(const TokenizeOptions& options);

}  // namespace isoflop
