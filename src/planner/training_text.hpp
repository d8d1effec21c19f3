// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace isoflop {

/// The text a plan trains on, as far as it is known.
struct TrainingText {
  std::filesystem::path path = "data/tokens";  ///< folder that tokenize wrote, or shall write
  std::string tokenizer = "GPT-2 BPE";
  int64_t vocab_size = 50257;
  std::optional<int64_t> train_tokens;  ///< absent: the plan was made without --data
  std::optional<int64_t> val_tokens;

  bool known() const { return train_tokens.has_value(); }
};

/// What the user said about the text: a dataset, or a tokenizer and a vocabulary to assume.
struct TextOptions {
  std::optional<std::filesystem::path> data;
  std::optional<std::string> tokenizer;
  std::optional<int64_t> vocab_size;
};

/// Reads dataset.yaml when --data is given. Throws FileError or ConfigError, also when an option
/// contradicts the dataset.
TrainingText describe_text(const TextOptions& options);

}  // namespace isoflop
