// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace isoflop {

struct VerifyResult {
  int64_t n_shards = 0;
  int64_t n_tokens = 0;
  int64_t n_bytes = 0;
  std::vector<std::string> problems;  ///< one for each bad shard or vocabulary, naming the file
};

/// Reads every byte of a dataset: headers, sizes, checksums, ids within the vocabulary, the kept
/// vocabulary. Throws as load_dataset_index does when there is no index to compare with.
VerifyResult verify_dataset(const std::filesystem::path& folder);

}  // namespace isoflop
