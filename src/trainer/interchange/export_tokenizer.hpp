// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/interchange/saved_model.hpp"

#include <filesystem>
#include <string>

namespace isoflop {

/// Copies into `folder` what the dataset keeps of its tokenizer, under the names that transformers
/// looks for (`max_seq_len` is the most they should give), and returns in words what became of it.
/// Throws FileError.
std::string export_tokenizer(const ModelDataset& dataset, const std::filesystem::path& folder,
                             int64_t max_seq_len);

}  // namespace isoflop
